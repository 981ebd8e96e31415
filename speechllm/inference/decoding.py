"""One decoding step for many requests at once, each at its own place: the state of their rows, and the step.

Shapes: B rows, S text positions, M cache positions, K codebooks, P digits of a step, V levels of the largest digit,
D width, H heads of queries, G of keys and values, E channels of a head, L layers, W reader window.

The step is one function of fixed shapes without a decision in Python: on a CPU it is called on the rows in use and as
many cache positions as they fill, on a GPU it is captured once, sampling included, and replayed.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from speechllm.config import LMConfig
from speechllm.digits import bases
from speechllm.inference.packing import PackedLM, gelu, norm
from speechllm.inference.sampling import DigitSampler, steady_advance

BLOCK = 64  # cache positions are used in multiples of this, so that every row meets the same attention kernel
NOISE_STEPS = 32  # steps of random numbers drawn at once
# State whose first axis is the rows; the mask's last axis is cut to size too.
BY_ROW = """text reader_keys reader_values length position steps standing due steady digits noise codes confidence
done empty leader unguided guidance guided""".split()


@dataclass
class Rows:
    """The state of B requests, allocated once and changed in place."""

    keys: Tensor  # [L, B, M, G, E]
    values: Tensor
    mask: Tensor  # of the cache's type [B, 1, 1, M], 0 = may be seen, -inf = may not
    text: Tensor  # embedded [B, S, D], for the reader; S = 0 without one
    reader_keys: Tensor  # [B, S, D]
    reader_values: Tensor
    length: Tensor  # text tokens, int64 [B]
    position: Tensor  # token being read, int64 [B]
    steps: Tensor  # steps made, int64 [B]
    standing: Tensor  # steps since the reader last moved, int64 [B]
    due: Tensor  # moves a steady reader owes, float32 [B]
    steady: Tensor  # bool [B], the reader's moves are not drawn
    digits: Tensor  # of the last step, int64 [B, P]
    limits: Tensor  # int64 [4, B]: steps there may be, steps a token, trailing steps, steps before a stop
    temperatures: Tensor  # float32 [2, B, 1]: of the digits, of the reader; 1 where nothing is drawn
    noise: Tensor  # float32 [B, NOISE_STEPS, W + P * V], log(-log(uniform)), 0 where nothing is drawn
    codes: Tensor  # what the step made, int64 [B, K]
    confidence: Tensor  # float32 [B]
    done: Tensor  # bool [B], this was the last step
    empty: Tensor  # bool [B], it made no frame: the stop head found that the one before was the last
    # Guidance takes a second row, which reads the same frames without the text. Rows know each other by number:
    leader: Tensor  # int64 [B], the row whose frames this one reads; itself unless it is such a second row
    unguided: Tensor  # int64 [B], the row of what would be said without the text; itself where nothing is guided
    guidance: Tensor  # float32 [B], 1 = off
    guided: Tensor  # int64 [B], steps that are guided

    @classmethod
    def allocate(cls, config: LMConfig, batch: int, text: int, total: int, like: Tensor, cache: torch.dtype) -> "Rows":
        """Empty rows that hold `text` tokens and `total` tokens and steps each, on the device of `like`."""
        spec, text = config.step, text if config.reader_layer else 0
        shape = config.num_layers, batch, -(-total // BLOCK) * BLOCK, config.kv_heads, config.head_width

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
            length=ints(batch) + 1,
            position=ints(batch),
            steps=ints(batch),
            standing=ints(batch),
            due=floats(batch),
            steady=bools(),
            digits=ints(batch, spec.num_digits),
            limits=ints(4, batch),
            temperatures=floats(2, batch, 1) + 1,
            noise=floats(batch, NOISE_STEPS, config.window + spec.num_digits * max(spec.levels)),
            codes=ints(batch, spec.num_codebooks),
            confidence=floats(batch),
            done=bools(),
            empty=bools(),
            leader=torch.arange(batch, device=like.device),
            unguided=torch.arange(batch, device=like.device),
            guidance=floats(batch) + 1,
            guided=ints(batch),
        )

    def view(self, batch: int, total: int) -> "Rows":
        """The first `batch` rows and the first `total` cache positions, of the same memory."""
        part = {name: getattr(self, name)[:batch] for name in BY_ROW}
        part |= {name: getattr(self, name)[:, :batch] for name in ("limits", "temperatures")}
        part |= {name: getattr(self, name)[:, :batch, :total] for name in ("keys", "values")}
        return Rows(**part, mask=self.mask[:batch, :, :, :total])

    def move(self, source: int, target: int) -> None:
        """Copy everything of one row to another."""
        used = int(self.length[source] + self.steps[source])
        for cache in (self.keys, self.values):
            cache[:, target, :used] = cache[:, source, :used]
        for name in ("limits", "temperatures"):
            getattr(self, name)[:, target] = getattr(self, name)[:, source]
        for name in ("mask", *BY_ROW):
            getattr(self, name)[target] = getattr(self, name)[source]


class Stepper:
    """The step over one view of rows, with all that stays the same from step to step made beforehand.

    Args:
        lm: packed weights.
        rows: a view; every call advances each of its rows by a step.
    """

    def __init__(self, lm: PackedLM, rows: Rows):
        self.lm, self.rows, spec = lm, rows, lm.config.codes  # of a frame
        device, (batch, total) = rows.mask.device, (rows.mask.shape[0], rows.mask.shape[3])
        self.index = torch.arange(batch, device=device)  # [B]
        self.window = torch.arange(lm.config.window, device=device)  # [W]
        self.total, self.mask, self.seen = total, rows.mask[:, 0, 0], rows.mask.new_zeros(())
        self.caches = list(zip(rows.keys.unbind(), rows.values.unbind(), strict=True))  # of each layer, [B, M, G, E]
        self.sampler = DigitSampler(spec.levels, spec.num_codebooks).to(device)
        self.bases = bases(spec.levels, device)

    @torch.inference_mode()
    def __call__(self) -> None:
        """Make one step of every row: `codes`, `position`, `confidence`, `done` and `empty` of the rows are new."""
        lm, rows, config = self.lm, self.rows, self.lm.config
        x = torch.where(rows.steps[:, None] == 0, lm.begin, lm.embed(rows.digits))
        if config.reader_layer:
            x = rows.text[self.index, rows.position] + x
        # A row that has no place left (idle, or its request taken away) writes its last place again.
        place = (rows.length + rows.steps).clamp_(max=self.total - 1)  # [B]
        self.mask.index_put_((self.index, place), self.seen)
        turn = place if config.shared_positions else rows.steps
        cos, sin = lm.rotary[turn.clamp(max=len(lm.rotary) - 1)][:, :, None].unbind(1)  # [B, 1, E]
        drawn = rows.noise[self.index, rows.steps % NOISE_STEPS]  # [B, W + P V]
        for number in range(config.num_layers):
            if config.reader_layer and number == config.reader_layer:
                self.read(x, drawn[:, : len(self.window)])
                x = x + rows.reader_values[self.index, rows.position]
            x = self.block(number, x, place, cos, sin)
        self.emit(norm(x, lm.least) * lm.gain, drawn[:, len(self.window) :])

    def block(self, number: int, x: Tensor, place: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """One transformer block on [B, D]; its keys and values are written at `place` [B]."""
        block, batch, (keys, values) = self.lm.blocks[number], x.shape[0], self.caches[number]
        q, k, v, gate = block.project(x, cos, sin)
        keys.index_put_((self.index, place), k.to(keys.dtype))
        values.index_put_((self.index, place), v.to(values.dtype))
        # Queries that share keys are so many positions to the kernel, [B, G, H / G, E]; nothing is repeated.
        query = q.to(keys.dtype).view(batch, keys.shape[2], -1, keys.shape[3])
        y = F.scaled_dot_product_attention(query, keys.transpose(1, 2), values.transpose(1, 2), self.rows.mask)
        return block.finish(x, y.reshape(batch, -1).float(), gate)

    def read(self, x: Tensor, noise: Tensor) -> None:
        """Move the reader: `position`, `standing`, `due` and `confidence`."""
        rows = self.rows
        index = rows.position[:, None] + self.window  # [B, W]
        nearby = rows.reader_keys[self.index[:, None], index.clamp(max=rows.reader_keys.shape[1] - 1)]  # [B, W, D]
        # Sums over channels and not batched products, whose rounding would depend on B.
        scores = (nearby * self.lm.reader_query(x)[:, None]).sum(-1) * x.shape[-1] ** -0.5
        scores = scores + (x[:, None] * self.lm.advance).sum(-1) + self.lm.advance_bias
        scores = scores.masked_fill_(index >= rows.length[:, None], -torch.inf)
        moves = scores.softmax(-1)
        drawn = (scores / rows.temperatures[1] - noise).argmax(-1)  # [B]
        advance = torch.where(rows.steady, steady_advance(scores, moves[:, 0], rows.due), drawn)
        rows.confidence.copy_(moves[self.index, advance])
        left, (limit, per_token, trailing, _) = rows.length - 1 - rows.position, rows.limits.unbind()
        # Pushed on when it stood too long, or when the frames left are only just enough, so that no text is cut off.
        late = (rows.standing >= per_token) | (limit - rows.steps - trailing <= left)
        advance = advance + ((advance == 0) & late & (left > 0))
        rows.position.add_(advance)
        rows.standing.add_(1).mul_(advance == 0)

    def emit(self, x: Tensor, noise: Tensor) -> None:
        """Draw the frames of a step from its state [B, D], each of them knowing those before."""
        rows, parts = self.rows, noise.split(noise.shape[1] // self.lm.config.frames_per_step, dim=1)
        logits = self.lm.heads(x)
        stop, digits = logits[:, -1], [self.draw(logits[:, :-1], parts[0])]
        for part in parts[1:]:
            half = self.lm.half[: digits[-1].shape[1]]
            known = torch.cat([x, (digits[-1] - half) / half], dim=-1)
            x = x + self.lm.local_out(gelu(self.lm.local_in(known)))
            digits.append(self.draw(self.lm.heads(x)[:, :-1], part))
        rows.digits.copy_(torch.cat(digits, dim=1))
        torch.sum(rows.digits.unflatten(1, (-1, len(self.bases))) * self.bases, -1, out=rows.codes)
        self.end(stop > 0)

    def draw(self, logits: Tensor, noise: Tensor) -> Tensor:
        """Digits of a frame of each row from logits [B, V of all]."""
        rows = self.rows
        if self.lm.config.reader_layer:
            return self.sampler(logits, rows.temperatures[0], noise)
        without = logits[rows.unguided]
        weight = torch.where(rows.steps < rows.guided, rows.guidance, 1)[:, None]
        digits = self.sampler(without + weight * (logits - without), rows.temperatures[0], noise)
        # With no reader, how sure the model is shows in its frames.
        rows.confidence.copy_(self.sampler.likelihood(logits, digits))
        return digits[rows.leader]

    def end(self, stop: Tensor) -> None:
        """Count the step, and see whether it was the last, given what the stop head says, bool [B]."""
        rows, config, (limit, _, trailing, minimum) = self.rows, self.lm.config, self.rows.limits.unbind()
        if config.stop_after:  # of the step before, if there was one
            rows.empty.copy_(stop & (rows.steps >= minimum.clamp(min=1)))
            stop = rows.empty
        rows.steps.add_(1)
        if config.reader_layer:
            stop = (stop | (rows.standing >= trailing)) & (rows.position == rows.length - 1)
        if not config.stop_after:
            stop = stop & (rows.steps >= minimum)
        torch.logical_or(stop, rows.steps >= limit, out=rows.done)
        if not config.reader_layer:
            rows.done.copy_(rows.done[rows.leader])
            rows.empty.copy_(rows.empty[rows.leader])
