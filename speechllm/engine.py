"""Engine: many requests decoded side by side, each frame of each exactly as it would be alone.

    engine = Engine(model, slots=16)
    for ids in texts:
        engine.submit(ids, SamplingConfig(seed=1))
    while engine.busy:
        for ticket, frame, last in engine.step():
            ...

Continuous batching: a request that ends gives its slot to the next one waiting at once. Rows never look at each other,
every request draws from its own random stream, and no kernel in use rounds by the number of rows (see packing.py and
decoding.py), so the same request and seed give the same codes alone, in any company, and after any eviction. On a CPU
that holds up to as many threads as the model has heads; with more, attention splits its sums when rows are few.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from speechllm.attention import KVCache
from speechllm.config import LMConfig, SamplingConfig
from speechllm.decoding import BLOCK, NOISE_STEPS, Rows, Stepper
from speechllm.graph import CapturedStep
from speechllm.model import SpeechLM
from speechllm.packing import PackedLM, Precision
from speechllm.sampling import HALF_A_MOVE, gumbel

FRAMES_AT_LEAST = 64  # frames any text may have
SLOWEST_RATE = 21.533203125  # Hz; limits in frames are meant at this rate and grow with a faster one


class Frame(NamedTuple):
    """One generated codec frame."""

    codes: Tensor  # int64 [K]
    position: int  # token it speaks
    confidence: float  # probability the reader gave to that token, in [0, 1]


class Made(NamedTuple):
    """A frame of one of several requests."""

    ticket: int  # what submit() returned
    frame: Frame
    last: bool  # the request is over


@dataclass
class Request:
    """A text to speak, and what the host must know of it while it is spoken."""

    ticket: int
    ids: Tensor  # int64 [S]
    sampling: SamplingConfig
    generator: torch.Generator
    limit: int  # steps there may be
    steps: int = 0

    @property
    def total(self) -> int:
        """Cache positions in use after the next step."""
        return len(self.ids) + self.steps + 1


def frame_limit(config: LMConfig, tokens: int) -> int:
    """Frames that a text of so many tokens may have: several times what any speaker takes."""
    faster = max(1.0, config.codes.frame_rate / SLOWEST_RATE)
    return min(config.max_frames, round((FRAMES_AT_LEAST + 12 * tokens) * faster))


class Engine:
    """Decode up to `slots` requests at once; more of them wait.

    Args:
        model: in eval mode. It is read for prefill; its weights must not change while the engine is in use.
        slots: rows of a step at most.
        precision: of the weights in decoding steps; float32 and bfloat16 anywhere, int8 on a CPU.
        longest: text tokens and frames of one request at most; None = all the model can hold.
        captured: the step is a CUDA graph; None = on a GPU. False on a GPU is for comparison.

    Raises:
        ValueError: int8 on a GPU, or a captured step without one.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: SpeechLM,
        slots: int = 16,
        precision: Precision = "float32",
        longest: tuple[int, int] | None = None,
        captured: bool | None = None,
    ):
        device = model.begin.device
        captured = device.type == "cuda" if captured is None else captured
        if precision == "int8" and device.type != "cpu":
            raise ValueError(f"got precision int8 on {device}; expected a CPU, or precision bfloat16")
        if captured and device.type != "cuda":
            raise ValueError(f"got captured=True on {device}; only a CUDA device replays graphs")
        text, frames = longest or (model.config.max_text, model.config.max_frames)
        self.each = model.config.frames_per_step
        cache = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self.model, self.lm, self.slots, self.device = model, packed(model, precision), slots, device
        self.rows = Rows.allocate(model.config, slots, text, text + -(-frames // self.each), model.begin, cache)
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []  # in the order of their rows
        self.tickets = 0
        self.stepper: tuple[tuple[int, int], Stepper] | None = None  # for (rows, cache positions)
        self.cleared = 0  # cache positions that hold numbers
        if captured:
            self.clear(self.rows.mask.shape[3])
        self.graph = CapturedStep(Stepper(self.lm, self.rows)) if captured else None

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.running or self.waiting)

    def submit(self, ids: Tensor, sampling: SamplingConfig) -> int:
        """Add a request; returns its ticket.

        Raises:
            ValueError: no text or more than the model can hold.
        """
        config, most = self.model.config, min(self.model.config.max_text, self.rows.text.shape[1])
        if not 1 <= len(ids) <= most:
            raise ValueError(f"got {len(ids)} tokens; this model reads 1..{most} at once, split the text")
        generator = torch.Generator().manual_seed(sampling.seed)
        limit = min(-(-frame_limit(config, len(ids)) // self.each), self.rows.mask.shape[3] - len(ids))
        self.tickets += 1
        self.waiting.append(Request(self.tickets, ids, sampling, generator, limit))
        return self.tickets

    @torch.inference_mode()
    def cancel(self, ticket: int) -> None:
        """Forget a request, waiting or running; the others do not notice."""
        self.waiting = deque(request for request in self.waiting if request.ticket != ticket)
        for row, request in enumerate(self.running):
            if request.ticket == ticket:
                self.release(row)
                return

    @torch.inference_mode()
    def fill(self) -> None:
        """Prefill waiting requests into free slots; `step` does so itself."""
        while self.waiting and len(self.running) < self.slots:
            self.admit(self.waiting.popleft())

    @torch.inference_mode()
    def step(self) -> list[Made]:
        """The frames of one step of every running request, after free slots were given to waiting ones."""
        self.fill()
        if not self.running:
            return []
        for row, request in enumerate(self.running):
            if request.steps % NOISE_STEPS == 0:
                self.draw(row, request)
        self.advance()
        return self.collect()

    def clear(self, total: int) -> None:
        """Make the caches' first `total` positions numbers: what is masked counts 0 times, and 0 * NaN is NaN."""
        if total > self.cleared:
            for cache in (self.rows.keys, self.rows.values):
                cache[:, :, self.cleared : total].zero_()
            self.cleared = total

    def advance(self) -> None:
        """Run the step over the rows in use."""
        if self.graph:
            self.graph()
            return
        count = len(self.running)
        total = -(-max(request.total for request in self.running) // BLOCK) * BLOCK
        self.clear(total)
        if self.stepper is None or self.stepper[0] != (count, total):
            self.stepper = (count, total), Stepper(self.lm, self.rows.view(count, total))
        self.stepper[1]()

    def collect(self) -> list[Made]:
        """Frames the step has made; slots of requests that ended are free."""
        rows, count = self.rows, len(self.running)
        codes = rows.codes[:count].cpu().clone().view(count, self.each, -1)
        position, confidence, done = (t[:count].tolist() for t in (rows.position, rows.confidence, rows.done))
        made = []
        for row, request in enumerate(self.running):
            request.steps += 1
            for index, frame in enumerate(codes[row]):
                last = done[row] and index == self.each - 1
                made.append(Made(request.ticket, Frame(frame, position[row], confidence[row]), last))
        for row in reversed(range(count)):
            if done[row]:
                self.release(row)
        return made

    def release(self, row: int) -> None:
        """Free a row; the last one moves there, so that rows in use stay together."""
        last = len(self.running) - 1
        if row != last:
            self.rows.move(last, row)
            self.running[row] = self.running[last]
        self.running.pop()

    def draw(self, row: int, request: Request) -> None:
        """Random numbers of the row's next NOISE_STEPS steps, from the request's own stream."""
        window, sampling = self.model.config.reader_window, request.sampling
        noise = self.rows.noise[row]
        drawn = slice(0 if sampling.reader_temperature > 0 else window, None if sampling.temperature > 0 else window)
        noise[:, drawn] = gumbel(noise[:, drawn].shape, request.generator).to(noise.device)

    def admit(self, request: Request) -> None:
        """Prefill: run the text through all layers, into the next free row."""
        model, rows, row, ids = self.model, self.rows, len(self.running), request.ids
        config, length = model.config, len(ids)
        self.clear(-(-length // BLOCK) * BLOCK)
        x = model.text_embedding(ids.to(self.device))[None]  # [1, S, D]
        cache = KVCache((config.num_layers, 1, config.num_heads, length, config.dim // config.num_heads), self.device)
        rows.text[row, :length] = x[0]
        for layer, block in enumerate(model.blocks):
            if layer == config.reader_layer:
                rows.reader_keys[row, :length] = model.reader.key(x)[0]
                rows.reader_values[row, :length] = model.reader.value(x)[0]
            x = block(x, model.rotary[:length], None, cache, layer)
        rows.keys[:, row, :length] = cache.keys[:, 0].transpose(1, 2)
        rows.values[:, row, :length] = cache.values[:, 0].transpose(1, 2)
        rows.mask[row].fill_(-torch.inf)[..., :length] = 0
        for state in (rows.position, rows.steps, rows.standing, rows.noise):
            state[row] = 0
        s = request.sampling
        rows.due[row], rows.steady[row] = HALF_A_MOVE, s.reader_temperature == 0
        rows.length[row] = length
        frames = torch.tensor([s.max_frames_per_token, s.trailing_frames, s.min_frames])
        rows.limits[0, row], rows.limits[1:, row] = request.limit, -(-frames // self.each)
        rows.temperatures[:, row, 0] = torch.tensor([s.temperature or 1.0, s.reader_temperature or 1.0])
        self.running.append(request)


_PACKED: "WeakKeyDictionary[SpeechLM, tuple[tuple[object, ...], PackedLM]]" = WeakKeyDictionary()


def packed(model: SpeechLM, precision: Precision = "float32") -> PackedLM:
    """The model's packed weights, made once and again only after its weights have changed."""
    state = precision, *((p.data_ptr(), 0 if p.is_inference() else p._version) for p in model.parameters())
    known = _PACKED.get(model)
    if known is None or known[0] != state:
        known = state, PackedLM(model, precision)
        _PACKED[model] = known
    return known[1]
