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

A guided request takes two rows: its own, and one that reads the same frames without the text.
"""

from collections import deque
from dataclasses import replace
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from speechllm.config import SamplingConfig
from speechllm.inference.cuda_graph import CapturedStep
from speechllm.inference.decoding import BLOCK, NOISE_STEPS, Rows, Stepper
from speechllm.inference.packing import PackedLM, Precision
from speechllm.inference.prefill import prefill
from speechllm.inference.request import STUCK_S, Frame, Made, Request, frame_limit
from speechllm.inference.sampling import HALF_A_MOVE, gumbel
from speechllm.model.speech_lm import SpeechLM


class Engine:
    """Decode up to `slots` requests at once; more of them wait.

    Args:
        model: in eval mode. Its weights must not change while the engine is in use.
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
        self.config, self.lm, self.device = model.config, packed(model, precision), device
        self.slots, self.text = slots, text
        self.stuck = round(STUCK_S * model.config.codes.frame_rate)
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

    def submit(
        self, ids: Tensor, sampling: SamplingConfig, prefix: Tensor | None = None, unguided: Tensor | None = None
    ) -> int:
        """Add a request; returns its ticket.

        Args:
            ids: int64 [S].
            sampling: temperature, seed, limits and guidance.
            prefix: of a voice, [Q, D], before the text.
            unguided: what is read in place of `ids` where guidance asks what would be said without the text, int64 [s].

        Raises:
            ValueError: no text, more than the model can hold, or guidance that this model or engine cannot give.
        """
        most = min(self.config.max_text, self.text) - (0 if prefix is None else len(prefix))
        if not 1 <= len(ids) <= most:
            raise ValueError(f"got {len(ids)} tokens; this model reads 1..{most} at once, split the text")
        guided = sampling.guidance != 1
        fitting = unguided is not None and 1 <= len(unguided) <= len(ids)
        if guided and (self.config.reader_layer or not fitting or self.slots < 2):
            raise ValueError(
                f"got guidance={sampling.guidance}; it takes a model without a reader, ids in place of the text, no "
                "more than of it, and an engine of 2 slots; use guidance=1"
            )
        self.tickets += 1
        generator = torch.Generator().manual_seed(sampling.seed)
        request = Request(self.tickets, ids, prefix, sampling, generator, 0)
        frames = sampling.max_frames or frame_limit(self.config, len(ids))
        request.limit = min(-(-frames // self.each), self.rows.mask.shape[3] - request.length)
        self.waiting.append(request)
        if guided and unguided is not None:
            self.waiting.append(replace(request, ids=unguided, leader=request))
        return self.tickets

    @torch.inference_mode()
    def cancel(self, ticket: int) -> None:
        """Forget a request, waiting or running; the others do not notice."""
        self.waiting = deque(request for request in self.waiting if request.ticket != ticket)
        self.release([row for row, request in enumerate(self.running) if request.ticket == ticket])

    @torch.inference_mode()
    def fill(self) -> None:
        """Prefill waiting requests into free slots; `step` does so itself."""
        while self.waiting:
            ticket = self.waiting[0].ticket
            pair = [request for request in list(self.waiting)[:2] if request.ticket == ticket]
            if len(self.running) + len(pair) > self.slots:
                return
            for _ in pair:
                self.admit(self.waiting.popleft())
            self.pair()

    @torch.inference_mode()
    def step(self) -> list[Made]:
        """The frames of one step of every running request, after free slots were given to waiting ones."""
        self.fill()
        if not self.running:
            return []
        for row, request in enumerate(self.running):
            if request.steps % NOISE_STEPS == 0 and request.leader is None:  # who follows has nothing to draw
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
        state = rows.position, rows.confidence, rows.done, rows.empty
        position, confidence, done, empty = (t[:count].tolist() for t in state)
        made: list[Made] = []
        for row, request in enumerate(self.running):
            request.steps += 1
            if request.leader is not None:
                continue
            if empty[row]:
                made.append(Made(request.ticket, None, True))
                continue
            if not self.config.reader_layer:
                done[row] |= max(request.watch(frame) for frame in codes[row]) >= self.stuck
            for index, frame in enumerate(codes[row]):
                last = done[row] and index == self.each - 1
                made.append(Made(request.ticket, Frame(frame, position[row], confidence[row]), last))
        over = {request.ticket for row, request in enumerate(self.running) if done[row]}
        self.release([row for row, request in enumerate(self.running) if request.ticket in over])
        return made

    def release(self, freed: list[int]) -> None:
        """Free rows; the last ones move there, so that rows in use stay together."""
        for row in sorted(freed, reverse=True):
            last = len(self.running) - 1
            if row != last:
                self.rows.move(last, row)
                self.running[row] = self.running[last]
            self.running.pop()
        if freed:
            self.pair()

    def pair(self) -> None:
        """Tell rows where those they share frames with are."""
        if self.config.reader_layer:
            return
        places = {request: row for row, request in enumerate(self.running)}
        leaders = [places[request.leader or request] for request in self.running]
        unguided = list(range(len(leaders)))
        for row, leader in enumerate(leaders):
            if row != leader:
                unguided[leader] = row
        for rows, found in ((self.rows.leader, leaders), (self.rows.unguided, unguided)):
            rows[: len(found)] = torch.tensor(found, dtype=torch.long)

    def draw(self, row: int, request: Request) -> None:
        """Random numbers of the row's next NOISE_STEPS steps, from the request's own stream."""
        window, sampling = self.config.window, request.sampling
        noise = self.rows.noise[row]
        drawn = slice(0 if sampling.reader_temperature > 0 else window, None if sampling.temperature > 0 else window)
        noise[:, drawn] = gumbel(noise[:, drawn].shape, request.generator).to(noise.device)

    def admit(self, request: Request) -> None:
        """Prefill: run the text through all layers, into the next free row."""
        rows, row, length = self.rows, len(self.running), request.length
        self.clear(-(-length // BLOCK) * BLOCK)
        found = prefill(self.lm, request.ids, request.prefix)
        rows.keys[:, row, :length], rows.values[:, row, :length] = found.keys, found.values
        if found.states is not None and self.lm.reader is not None:
            rows.text[row, :length] = found.text
            rows.reader_keys[row, :length] = self.lm.reader.key(found.states)
            rows.reader_values[row, :length] = self.lm.reader.value(found.states)
        rows.mask[row].fill_(-torch.inf)[..., :length] = 0
        for state in (rows.position, rows.steps, rows.standing, rows.noise):
            state[row] = 0
        s = request.sampling
        rows.due[row], rows.steady[row] = HALF_A_MOVE, s.reader_temperature == 0
        rows.guidance[row], rows.guided[row] = s.guidance, -(-s.guidance_frames // self.each) or request.limit
        rows.length[row] = length
        frames = torch.tensor([s.max_frames_per_token, s.trailing_frames, s.min_frames])
        rows.limits[0, row], rows.limits[1:, row] = request.limit, -(-frames // self.each)
        rows.temperatures[:, row, 0] = torch.tensor([s.temperature or 1.0, s.reader_temperature or 1.0])
        self.running.append(request)


_PACKED: "WeakKeyDictionary[SpeechLM, tuple[tuple[object, ...], PackedLM]]" = WeakKeyDictionary()


def packed(model: SpeechLM, precision: Precision = "float32", consume: bool = False) -> PackedLM:
    """The model's packed weights, made once and again only after its weights have changed; `consume` as PackedLM."""

    def state() -> tuple[object, ...]:
        return precision, *((p.data_ptr(), 0 if p.is_inference() else p._version) for p in model.parameters())

    known = _PACKED.get(model)
    if known is None or known[0] != state():
        lm = PackedLM(model, precision, consume)
        known = state(), lm
        _PACKED[model] = known
    return known[1]
