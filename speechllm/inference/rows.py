"""The state of many requests that are decoded side by side, a row each.

Shapes: B rows, S text positions, M cache positions, K codebooks, P digits of a step, V levels of the largest digit,
D width, G heads of keys and values, E channels of a head, L layers, W reader window.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from speechllm.config import LMConfig

CACHE_BLOCK = 64  # cache positions are used in multiples of this, so that every row meets the same attention kernel
NOISE_STEPS = 32  # steps of random numbers drawn at once
CACHES = ("keys", "values")
BY_COLUMN = ("limits", "temperatures", "log")  # state whose second axis is the rows
SHARED = ("slot",)  # state of all rows; of all others but the caches the first axis is the rows


@dataclass
class Rows:
    """The state of B requests, allocated once and changed in place."""

    keys: Tensor  # [L, B, M, G, E]
    values: Tensor
    mask: Tensor  # of the cache's type [B, 1, 1, M], 0 = may be seen, -inf = may not
    text: Tensor  # embedded [B, S, D], for the reader; S = 0 without one
    reader_keys: Tensor  # [B, S, D]
    reader_values: Tensor
    text_lengths: Tensor  # tokens, int64 [B]
    reader_positions: Tensor  # token being read, int64 [B]
    steps: Tensor  # steps made, int64 [B]
    steps_on_token: Tensor  # steps since the reader last moved, int64 [B]
    pending_moves: Tensor  # of a steady reader, see sampling.steady_advance, float32 [B]
    steady: Tensor  # bool [B], the reader's moves are not drawn
    digits: Tensor  # of the last step, int64 [B, P]
    limits: Tensor  # int64 [4, B]: steps there may be, steps a token, trailing steps, steps before a stop
    temperatures: Tensor  # float32 [2, B, 1]: of the digits, of the reader; 1 where nothing is drawn
    noise: Tensor  # float32 [B, NOISE_STEPS, W + P * V], log(-log(uniform)), 0 where nothing is drawn
    codes: Tensor  # what the step made, int64 [B, K]
    confidence: Tensor  # float32 [B]
    done: Tensor  # bool [B], this was the last step
    empty: Tensor  # bool [B], it made no frame: the stop head found that the one before was the last
    # What the host has not read yet, so that it has to wait for a GPU once in several steps only:
    log: Tensor  # float32 [steps between two readings, B, K + 4]: codes, token, confidence, done, empty
    slot: Tensor  # int64 [1], where in the log the next step writes
    # Guidance takes a second row, which reads the same frames without the text. Rows know each other by number:
    conditional_rows: Tensor  # int64 [B], the row whose frames this one reads; itself unless it is such a second row
    unconditional_rows: Tensor  # int64 [B], the row of what is said without the text; itself where nothing is guided
    guidance: Tensor  # float32 [B], 1 = off
    guided_steps: Tensor  # int64 [B]

    @classmethod
    def allocate(
        cls, config: LMConfig, batch: int, text: int, total: int, like: Tensor, cache: torch.dtype, read_every: int = 1
    ) -> "Rows":
        """Empty rows that hold `text` tokens and `total` tokens and steps each, on the device of `like`."""
        spec, text = config.step, text if config.reader_layer else 0
        shape = config.num_layers, batch, -(-total // CACHE_BLOCK) * CACHE_BLOCK, config.kv_heads, config.head_width

        def ints(*size: int) -> Tensor:
            return torch.zeros(size, dtype=torch.long, device=like.device)

        def bools() -> Tensor:
            return torch.zeros(batch, dtype=torch.bool, device=like.device)

        def floats(*size: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(size, dtype=dtype, device=like.device)

        return cls(
            # Not cleared here: that would take longer than a prefill, see Engine.clear.
            keys=torch.empty(shape, dtype=cache, device=like.device),
            values=torch.empty(shape, dtype=cache, device=like.device),
            # An idle row sees its first position, so that nothing in it is ever NaN.
            mask=floats(batch, 1, 1, shape[2], dtype=cache).fill_(-torch.inf).index_fill_(3, ints(1), 0.0),
            text=floats(batch, text, config.dim),
            reader_keys=floats(batch, text, config.dim),
            reader_values=floats(batch, text, config.dim),
            text_lengths=ints(batch) + 1,
            reader_positions=ints(batch),
            steps=ints(batch),
            steps_on_token=ints(batch),
            pending_moves=floats(batch),
            steady=bools(),
            digits=ints(batch, spec.num_digits),
            limits=ints(4, batch),
            temperatures=floats(2, batch, 1) + 1,
            noise=floats(batch, NOISE_STEPS, config.window + spec.num_digits * max(spec.levels)),
            codes=ints(batch, spec.num_codebooks),
            confidence=floats(batch),
            done=bools(),
            empty=bools(),
            log=floats(read_every, batch, spec.num_codebooks + 4),
            slot=ints(1),
            conditional_rows=torch.arange(batch, device=like.device),
            unconditional_rows=torch.arange(batch, device=like.device),
            guidance=floats(batch) + 1,
            guided_steps=ints(batch),
        )

    @staticmethod
    def by_row() -> list[str]:
        """Names of the state whose first axis is the rows."""
        return [field.name for field in fields(Rows) if field.name not in (*CACHES, *BY_COLUMN, *SHARED)]

    def view(self, batch: int, total: int) -> "Rows":
        """The first `batch` rows and the first `total` cache positions, of the same memory."""
        part = {name: getattr(self, name)[:batch] for name in self.by_row()}
        part |= {name: getattr(self, name)[:, :batch] for name in BY_COLUMN}
        part |= {name: getattr(self, name) for name in SHARED}
        part |= {name: getattr(self, name)[:, :batch, :total] for name in CACHES}
        part["mask"] = part["mask"][..., :total]
        return Rows(**part)

    def write_log(self) -> None:
        """Note what the step made; every number is one that float32 holds exactly."""
        state = self.reader_positions, self.confidence, self.done, self.empty
        record = torch.cat([self.codes.float(), *(part.float()[:, None] for part in state)], dim=1)
        self.log.index_copy_(0, self.slot, record[None])
        self.slot.add_(1).remainder_(len(self.log))

    def move(self, source: int, target: int, used: int) -> None:
        """Copy everything of one row, of whose cache so many positions are used, to another."""
        for name in CACHES:
            cache = getattr(self, name)
            cache[:, target, :used] = cache[:, source, :used]
        for name in BY_COLUMN:
            getattr(self, name)[:, target] = getattr(self, name)[:, source]
        for name in self.by_row():
            getattr(self, name)[target] = getattr(self, name)[source]

    def pair(self, conditional: list[int]) -> None:
        """Tell each of the first rows which row's frames it reads, and that row where its unconditional one is."""
        unconditional = list(range(len(conditional)))
        for row, other in enumerate(conditional):
            if row != other:
                unconditional[other] = row
        for state, numbers in ((self.conditional_rows, conditional), (self.unconditional_rows, unconditional)):
            state[: len(numbers)] = torch.tensor(numbers, dtype=torch.long)
