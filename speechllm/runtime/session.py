"""Session: one request, step by step.

    session = Session(lm, Prompt(ids), SamplingConfig(seed=1))
    while not session.done:
        frames = session.step()

All state of a request is in its session, so that any number of them can take turns on one RuntimeLM, in any order and
on any threads: each writes what it would write alone.

Shapes: S text positions, M cache positions, R rows (2 where a request is guided), L layers, G heads of keys and values,
E channels of a head, D width, P digits of a step, K codebooks, V levels of the largest digit, W reader window.
"""

import numpy as np

from speechllm.config import SamplingConfig
from speechllm.request import STUCK_S, Frame, Prompt, UnchangedFrames, frame_limit
from speechllm.runtime.lm import RuntimeLM
from speechllm.runtime.noise import Noise

NOISE_STEPS = 32  # steps of random numbers drawn at once, as the torch engine does
PENDING_AT_FIRST = 0.5  # moves of a steady reader, see inference/sampling.py
Prefilled = list[dict[str, np.ndarray]]  # what RuntimeLM.prefill gives, for each row
CARRIED = ("digits", "position", "steps_on_token", "pending_moves")  # what a step gives to the next


class Session:
    """One request on its way.

    Args:
        lm: that speaks.
        prompt: text, and whose voice; arrays.
        sampling: temperature, seed and limits. The same prompt and sampling give the same frames.
        prefilled: of a session of the same prompt and guidance, which need not be run again; None = it is run.

    Raises:
        ValueError: no text or more than the model can hold, or guidance that it cannot give.
    """

    def __init__(self, lm: RuntimeLM, prompt: Prompt, sampling: SamplingConfig, prefilled: Prefilled | None = None):
        prompt.check_text(lm.config.max_text, lm.config.vocab_size)
        prompt.check_guidance(sampling, lm.config, 2)
        self.lm, self.config, self.prompt, self.sampling = lm, lm.config, prompt, sampling
        self.rows = 1 if sampling.guidance == 1 else 2
        limit = frame_limit(self.config, len(prompt.ids), sampling.max_frames)
        self.max_steps = min(self.steps_of(limit), self.config.max_steps)
        self.noise, self.unchanged_frames = Noise(sampling.seed), UnchangedFrames()
        self.steps, self.done = 0, False
        self.allocate()
        self.prefilled = prefilled or self.prefill()
        self.take(self.prefilled)
        self.bind()

    def steps_of(self, frames: int) -> int:
        """Steps that write so many frames."""
        return -(-frames // self.config.frames_per_step)

    def allocate(self) -> None:
        """The state, all of it arrays that the graph reads and writes where they are."""
        c, sampling, step = self.config, self.sampling, self.config.step
        count = self.prompt.length + self.max_steps
        shape = c.num_layers, 2, self.rows, c.kv_heads, count, c.head_width
        self.caches = np.empty(shape, np.float32)
        digit_noise = step.num_digits * max(step.levels)
        self.table = np.zeros((NOISE_STEPS, c.window + digit_noise), np.float32)
        self.state: dict[str, np.ndarray] = {
            "digits": np.zeros((1, step.num_digits), np.int64),
            "step": np.zeros(1, np.int64),
            "places": np.zeros(self.rows, np.int32),
            "total": np.zeros(1, np.int32),
            "rope_positions": np.zeros((self.rows, 1), np.int64),
            "position": np.full(1, self.prompt.prefix_length),
            "last_token": np.array([self.prompt.length - 1]),
            "pending_moves": np.full(1, PENDING_AT_FIRST, np.float32),
            "steps_on_token": np.zeros(1, np.int64),
            "max_steps_per_token": np.array([self.steps_of(sampling.max_frames_per_token)]),
            "steps_to_read": np.array([self.max_steps - self.steps_of(sampling.trailing_frames)]),
            "steady": np.array([sampling.reader_temperature == 0]),
            "reader_temperature": np.array([sampling.reader_temperature or 1.0], np.float32),
            "temperature": np.array([sampling.temperature or 1.0], np.float32),
            "reader_noise": np.zeros(c.window, np.float32),
            "noise": np.zeros(digit_noise, np.float32),
            "guidance": np.ones(1, np.float32),
        }
        self.results: dict[str, np.ndarray] = {
            "codes": np.zeros((c.frames_per_step, c.codes.num_codebooks), np.int64),
            "stop": np.zeros(1, np.float32),
            "confidence": np.zeros(1, np.float32),
        }
        self.next = {name: np.zeros_like(self.state[name]) for name in CARRIED}

    def prefill(self) -> Prefilled:
        """Run the text and the voice, and for a second row what stands in their place."""
        prompts = [self.prompt] if self.rows == 1 else [self.prompt, self.prompt.unconditional(self.config)]
        return [self.lm.prefill(np.asarray(prompt.ids), prompt.prefix) for prompt in prompts]

    def take(self, prefilled: Prefilled) -> None:
        """Begin behind what was prefilled, which stays as it is."""
        self.lengths = [found["keys"].shape[2] for found in prefilled]
        for row, (found, length) in enumerate(zip(prefilled, self.lengths, strict=True)):
            for index, kind in enumerate(("keys", "values")):
                self.caches[:, index, row, :, :length] = found[kind]
            if self.config.reader_layer and row == 0:
                self.state |= {name: found[name] for name in ("text", "reader_keys", "reader_values")}
            elif self.config.reader_layer:
                self.state["hidden_reader_values"] = found["reader_values"]

    def bind(self) -> None:
        """Tell the graph where its inputs and outputs are."""
        graph = self.lm.step_graph(self.rows)
        self.graph, self.binding = graph, graph.io_binding()
        cached = {
            f"{kind}_{layer}": self.caches[layer, index]
            for layer in range(self.config.num_layers)
            for index, kind in enumerate(("keys", "values"))
        }
        inputs, outputs = self.state | cached, self.results.copy()
        outputs |= {f"new_{name}": array for name, array in (self.next | cached).items()}
        for value in graph.get_inputs():
            array = inputs[value.name]
            self.binding.bind_input(value.name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        for value in graph.get_outputs():
            array = outputs[value.name]
            self.binding.bind_output(value.name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    def draw_noise(self) -> None:
        """Random numbers of the next step."""
        sampling, window, row = self.sampling, self.config.window, self.steps % NOISE_STEPS
        if row == 0:
            begin = 0 if sampling.reader_temperature > 0 else window
            end = self.table.shape[1] if sampling.temperature > 0 else window
            if begin < end:
                self.table[:, begin:end] = self.noise.draw(NOISE_STEPS, end - begin)
        self.state["reader_noise"][:], self.state["noise"][:] = self.table[row, :window], self.table[row, window:]

    def step(self) -> list[Frame]:
        """The frames of one step; none if all that it found is that the frame before was the last."""
        assert not self.done, "a session that is over takes no more steps"
        self.draw_noise()
        state, steps = self.state, self.steps
        state["step"][0] = steps
        for row, length in enumerate(self.lengths):
            state["places"][row] = length + steps
            state["rope_positions"][row, 0] = length + steps if self.config.shared_positions else steps
        state["total"][0] = max(self.lengths) + steps + 1
        guided_steps = self.steps_of(self.sampling.guidance_frames) or self.max_steps
        state["guidance"][0] = self.sampling.guidance if steps < guided_steps else 1.0
        self.graph.run_with_iobinding(self.binding)
        for name in CARRIED:
            state[name][:] = self.next[name]
        return self.collect(float(self.results["stop"][0]) > 0)

    def collect(self, stop: bool) -> list[Frame]:
        """Count the step, see whether it was the last, and give its frames; `stop` is what the stop head says."""
        config, sampling, before = self.config, self.sampling, self.steps
        minimum, trailing = self.steps_of(sampling.min_frames), self.steps_of(sampling.trailing_frames)
        empty = config.stop_after and stop and before >= max(minimum, 1)
        if config.stop_after:
            stop = empty
        self.steps += 1
        position, on_token = int(self.state["position"][0]), int(self.state["steps_on_token"][0])
        if config.reader_layer:
            stop = (stop or on_token >= trailing) and position == self.lengths[0] - 1
        if not config.stop_after:
            stop = stop and self.steps >= minimum
        self.done = stop or self.steps >= self.max_steps
        if empty:
            return []
        codes = self.results["codes"].copy()
        if not config.reader_layer:
            stuck = max(self.unchanged_frames.add(frame) for frame in codes)
            self.done |= stuck >= round(STUCK_S * config.codes.frame_rate)
        confidence = float(self.results["confidence"][0])
        token = max(0, position - self.prompt.prefix_length)
        return [Frame(frame, token, confidence) for frame in codes]
