"""Engine: many requests decoded side by side, each frame of each exactly as it would be alone.

    engine = Engine(model, slots=16)
    for ids in texts:
        engine.submit(Prompt(ids), SamplingConfig(seed=1))
    while engine.busy:
        for ticket, frame, last in engine.step():
            ...

Continuous batching: a request that ends gives its slot to the next one waiting at once. Rows never look at each other,
every request draws from its own random stream, and no kernel in use rounds by the number of rows (see linear.py and
weights.py), so the same request and seed give the same codes alone, among any others, and after any eviction. On a CPU
that holds up to as many threads as the model has heads; with more, attention splits its sums when rows are few.

A guided request takes two rows: its own, and one that reads the same frames without the text and the voice.
"""

from collections import deque
from dataclasses import replace

import torch
from torch import Tensor

from speechllm.config import Precision, SamplingConfig
from speechllm.inference.cuda_graph import CapturedSteps, length_buckets
from speechllm.inference.prefill import prefill
from speechllm.inference.request import Request
from speechllm.inference.rows import CACHE_BLOCK, NOISE_STEPS, Rows
from speechllm.inference.sampling import PENDING_AT_FIRST, gumbel
from speechllm.inference.step import Stepper
from speechllm.inference.weights import packed
from speechllm.model.speech_lm import SpeechLM
from speechllm.request import STUCK_S, Frame, Prompt, StepResult, frame_limit

READ_EVERY = 8  # steps of a GPU, some 0.4 s of speech at 21.5 frames a second


class Engine:
    """Decode up to `slots` requests at once; more of them wait. For one thread; engines of several can share a model.

    Args:
        model: in eval mode. Its weights must not change while the engine is in use.
        slots: rows of a step at most.
        precision: of the weights in decoding steps; float32 and bfloat16 anywhere, int8 on a CPU.
        longest: text tokens and frames of one request at most; None = all the model can hold.
        captured: the step is a CUDA graph; None = on a GPU. False on a GPU is for comparison.
        read_every: steps made before the host looks at them, since a look waits for a GPU; None = 1 on a CPU, and
            READ_EVERY on a GPU. The frames are the same; a request takes up to so many steps longer to end.

    Raises:
        ValueError: int8 on a GPU, a captured step without one, or no steps between two looks.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: SpeechLM,
        slots: int = 16,
        precision: Precision = "float32",
        longest: tuple[int, int] | None = None,
        captured: bool | None = None,
        read_every: int | None = None,
    ):
        device = model.begin.device
        captured = device.type == "cuda" if captured is None else captured
        if precision == "int8" and device.type != "cpu":
            raise ValueError(f"got precision int8 on {device}; expected a CPU, or precision bfloat16")
        if captured and device.type != "cuda":
            raise ValueError(f"got captured=True on {device}; only a CUDA device replays graphs")
        self.read_every = (READ_EVERY if device.type == "cuda" else 1) if read_every is None else read_every
        if self.read_every < 1:
            raise ValueError(f"got read_every={read_every}; expected 1 or more")
        text, frames = longest or (model.config.max_text, model.config.max_frames)
        text, frames = min(text, model.config.max_text), min(frames, model.config.max_frames)
        self.config, self.lm, self.device = model.config, packed(model, precision), device
        self.slots, self.max_text = slots, text
        self.stuck_frames = round(STUCK_S * model.config.codes.frame_rate)
        cache = torch.bfloat16 if precision == "bfloat16" else torch.float32
        total = text + self.steps_of(frames)
        self.rows = Rows.allocate(model.config, slots, text, total, model.begin, cache, self.read_every)
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []  # in the order of their rows
        self.tickets = 0
        self.stepper: tuple[tuple[int, int], Stepper] | None = None  # for (rows, cache positions)
        self.cleared = 0  # cache positions that hold numbers
        self.graphs: CapturedSteps | None = None
        if captured:
            most = self.rows.mask.shape[3]
            self.clear(most)
            self.graphs = CapturedSteps(
                device, lambda bucket: Stepper(self.lm, self.rows.view(slots, bucket)), length_buckets(most)
            )
            self.rows.slot.zero_()

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.running or self.waiting)

    def steps_of(self, frames: int) -> int:
        """Steps that write so many frames."""
        return -(-frames // self.config.frames_per_step)

    def submit(self, prompt: Prompt, sampling: SamplingConfig) -> int:
        """Add a request; returns its ticket.

        Raises:
            ValueError: no text, more text or frames than the model can hold, ids that it does not know, or guidance
                that this model or engine cannot give.
        """
        prompt.check_text(self.max_text, self.config.vocab_size)
        prompt.check_guidance(sampling, self.config, self.slots)
        self.tickets += 1
        steps = self.steps_of(frame_limit(self.config, len(prompt.ids), sampling.max_frames))
        max_steps = min(steps, self.rows.mask.shape[3] - prompt.length)
        if self.steps_of(sampling.max_frames) > max_steps:
            held = max_steps * self.config.frames_per_step
            raise ValueError(f"got max_frames={sampling.max_frames}; this engine holds {held} after such a text")
        request = Request(self.tickets, prompt, sampling, torch.Generator().manual_seed(sampling.seed), max_steps)
        self.waiting.append(request)
        if sampling.guidance != 1:
            self.waiting.append(replace(request, prompt=prompt.unconditional(self.config), conditional=request))
        return self.tickets

    @torch.inference_mode()
    def cancel(self, ticket: int) -> None:
        """Forget a request, waiting or running; the others do not notice."""
        self.waiting = deque(request for request in self.waiting if request.ticket != ticket)
        self.release([row for row, request in enumerate(self.running) if request.ticket == ticket])

    def clear_requests(self) -> None:
        """Forget all requests."""
        self.waiting.clear()
        self.running.clear()

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
    def step(self) -> list[StepResult]:
        """The frames of `read_every` steps of every running request, after free slots were given to waiting ones."""
        self.fill()
        if not self.running:
            return []
        for _ in range(self.read_every):
            for row, request in enumerate(self.running):
                if request.steps % NOISE_STEPS == 0 and request.conditional is None:  # the other row draws nothing
                    self.draw_noise(row, request)
            self.advance()
            for request in self.running:
                request.steps += 1
        return self.collect()

    def clear(self, total: int) -> None:
        """Make the caches' first `total` positions numbers: what is masked counts 0 times, and 0 * NaN is NaN."""
        if total > self.cleared:
            for cache in (self.rows.keys, self.rows.values):
                cache[:, :, self.cleared : total].zero_()
            self.cleared = total

    def advance(self) -> None:
        """Run the step over the rows in use."""
        count, most = len(self.running), self.rows.mask.shape[3]
        total = min(-(-max(request.total for request in self.running) // CACHE_BLOCK) * CACHE_BLOCK, most)
        if self.graphs:
            self.graphs(total)
            return
        self.clear(total)
        if self.stepper is None or self.stepper[0] != (count, total):
            self.stepper = (count, total), Stepper(self.lm, self.rows.view(count, total))
        self.stepper[1]()

    def collect(self) -> list[StepResult]:
        """Frames of the steps since the last look; slots of requests that ended are free."""
        with torch.inference_mode(False):  # frames are ordinary tensors
            log = self.rows.log[:, : len(self.running)].cpu().clone()
            codes = log[..., :-4].long().unflatten(-1, (self.config.frames_per_step, -1))
        found: list[StepResult] = []
        over: set[int] = set()
        for step, states in enumerate(log[..., -4:].tolist()):
            for row, request in enumerate(self.running):
                if request.conditional is None and request.ticket not in over:
                    found += self.results(request, codes[step, row], *states[row])
                    over |= {request.ticket} if found[-1].last else set()
        self.release([row for row, request in enumerate(self.running) if request.ticket in over])
        return found

    def results(
        self, request: Request, codes: Tensor, position: float, confidence: float, done: float, empty: float
    ) -> list[StepResult]:
        """What one step made for a request: its frames int64 [frames of a step, K], or that there are no more."""
        if empty:
            return [StepResult(request.ticket, None, True)]
        last = bool(done)
        if not self.config.reader_layer:
            last |= max(request.unchanged_frames.add(frame) for frame in codes) >= self.stuck_frames
        token = max(0, int(position) - request.prompt.prefix_length)
        frames = [Frame(frame, token, confidence) for frame in codes]
        return [StepResult(request.ticket, frame, last and frame is frames[-1]) for frame in frames]

    def release(self, freed: list[int]) -> None:
        """Free rows; the last ones move there, so that rows in use stay together."""
        for row in sorted(freed, reverse=True):
            last = len(self.running) - 1
            if row != last:
                self.rows.move(last, row, min(self.running[last].total, self.rows.mask.shape[3]))
                self.running[row] = self.running[last]
            self.running.pop()
        if freed:
            self.pair()

    def pair(self) -> None:
        """Tell the rows of guided requests where the other one is."""
        places = {request: row for row, request in enumerate(self.running)}
        self.rows.pair([places[request.conditional or request] for request in self.running])

    def draw_noise(self, row: int, request: Request) -> None:
        """Random numbers of the row's next NOISE_STEPS steps, from the request's own stream."""
        window, sampling = self.config.window, request.sampling
        noise = self.rows.noise[row]
        random = slice(0 if sampling.reader_temperature > 0 else window, None if sampling.temperature > 0 else window)
        noise[:, random] = gumbel(noise[:, random].shape, request.generator).to(noise.device)

    def admit(self, request: Request) -> None:
        """Prefill: run the text through all layers, into the next free row."""
        rows, row, length = self.rows, len(self.running), request.prompt.length
        self.clear(-(-length // CACHE_BLOCK) * CACHE_BLOCK)
        text = prefill(self.lm, request.prompt)
        rows.keys[:, row, :length], rows.values[:, row, :length] = text.keys, text.values
        if text.states is not None and self.lm.reader is not None:
            rows.text[row, :length] = text.embedded
            rows.reader_keys[row, :length] = self.lm.reader.key(text.states)
            rows.reader_values[row, :length] = self.lm.reader.value(text.states)
        rows.mask[row].fill_(-torch.inf)[..., :length] = 0
        rows.reader_positions[row] = request.prompt.prefix_length  # the first token
        for state in (rows.steps, rows.steps_on_token, rows.noise):
            state[row] = 0
        s = request.sampling
        rows.pending_moves[row], rows.steady[row] = PENDING_AT_FIRST, s.reader_temperature == 0
        rows.guidance[row], rows.guided_steps[row] = s.guidance, self.steps_of(s.guidance_frames) or request.max_steps
        rows.text_lengths[row] = length
        rows.limits[0, row] = request.max_steps
        for limit, frames in enumerate((s.max_frames_per_token, s.trailing_frames, s.min_frames), 1):
            rows.limits[limit, row] = self.steps_of(frames)
        rows.temperatures[:, row, 0] = torch.tensor([s.temperature or 1.0, s.reader_temperature or 1.0])
        self.running.append(request)
