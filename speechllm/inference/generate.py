"""Text ids -> codec frames, one at a time, until the text is read and the voice stops.

One request alone is an engine of one slot: the frames are those of the same request among others. `generate` and
`best_of` make an engine just large enough; who speaks often keeps Engines.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from speechllm.config import Precision, SamplingConfig
from speechllm.inference.engine import Engine
from speechllm.inference.weights import packed
from speechllm.model.speech_lm import SpeechLM
from speechllm.request import Check, Frame, Prompt, Try, frame_limit, settings_of_tries, surest


class Engines:
    """Engines of one model, made once and used again: making one takes as long as many steps, most of all on a GPU.

    Threads can share this: each takes an engine of its own, and as many are made as are in use at once.

    Args:
        model: in eval mode. When its weights have changed, engines are made anew.
        precision: of the weights in decoding steps.
    """

    def __init__(self, model: SpeechLM, precision: Precision = "float32"):
        self.model, self.precision = model, precision
        self.idle: dict[int, list[Engine]] = {}  # by slots
        self.lock = Lock()

    @contextmanager
    def take(self, slots: int) -> Iterator[Engine]:
        """An engine of so many slots, for the time being; what is left in it afterwards is forgotten."""
        with self.lock:
            waiting = self.idle.setdefault(slots, [])
            engine = waiting.pop() if waiting else None
        if engine is None or engine.lm is not packed(self.model, self.precision):
            engine = Engine(self.model, slots, self.precision)
        try:
            yield engine
        finally:
            engine.clear_requests()
            with self.lock:
                self.idle.setdefault(slots, []).append(engine)

    def generate(self, prompt: Prompt, sampling: SamplingConfig) -> Iterator[Frame]:
        """See `generate`."""
        with self.take(slots_of(sampling)) as engine:
            yield from spoken(engine, prompt, sampling)

    def best_of(
        self,
        prompt: Prompt,
        sampling: SamplingConfig,
        tries: int = 1,
        min_plausible_frames: int = 0,
        check: Check | None = None,
    ) -> list[Frame]:
        """See `best_of`."""
        with self.take((1 if check else tries) * slots_of(sampling)) as engine:
            return best(engine, prompt, sampling, tries, min_plausible_frames, check)


def generate(
    model: SpeechLM, prompt: Prompt, sampling: SamplingConfig, precision: Precision = "float32"
) -> Iterator[Frame]:
    """Speak text, frame by frame.

    The reader bounds everything: it reaches the last token after at most `max_frames_per_token` frames a token, the
    stop head is only believed once it is there, and `trailing_frames` later the voice stops in any case. A model
    without a reader is bounded by the length of its text.

    Args:
        model: in eval mode.
        prompt: text, and whose voice.
        sampling: temperature, seed and limits. The same prompt and sampling give the same frames.
        precision: of the weights while decoding.

    Raises:
        ValueError: no text or more than the model can hold, or guidance that it cannot give.
    """
    yield from spoken(engine_for(model, prompt, sampling, precision), prompt, sampling)


def spoken(engine: Engine, prompt: Prompt, sampling: SamplingConfig) -> Iterator[Frame]:
    """The frames of one request, of an engine that has no other."""
    engine.submit(prompt, sampling)
    while engine.busy:
        for result in engine.step():
            if result.frame is not None:
                yield result.frame


def best_of(
    model: SpeechLM,
    prompt: Prompt,
    sampling: SamplingConfig,
    precision: Precision = "float32",
    tries: int = 1,
    min_plausible_frames: int = 0,
    check: Check | None = None,
) -> list[Frame]:
    """Speak text several times, and keep the try that says it: the first that is read back well, or the best of them.

    Without a check all tries are made in one batch, and what the model was surest of is kept. A try that ran into its
    limit, or has fewer than `min_plausible_frames` frames, is kept only if all are like that. The first try is what
    `generate` gives.
    """
    engine = engine_for(model, prompt, sampling, precision, 1 if check else tries)
    return best(engine, prompt, sampling, tries, min_plausible_frames, check)


def best(
    engine: Engine,
    prompt: Prompt,
    sampling: SamplingConfig,
    tries: int,
    min_plausible_frames: int,
    check: Check | None,
) -> list[Frame]:
    """`best_of`, of an engine that has no other requests."""
    settings = settings_of_tries(sampling, tries, check is not None)
    batches = [[one] for one in settings] if check else [settings]
    made = (one for batch in batches for one in tries_of(engine, prompt, batch))
    return list(surest(made, min_plausible_frames, check))


def tries_of(engine: Engine, prompt: Prompt, settings: Sequence[SamplingConfig]) -> list[Try]:
    """One prompt spoken in several ways at once."""
    heard = {engine.submit(prompt, one): Try() for one in settings}
    limit = frame_limit(engine.config, len(prompt.ids), settings[0].max_frames)
    while engine.busy:
        for ticket, frame, last in engine.step():
            heard[ticket].add(engine.config, frame, last, limit)
    return list(heard.values())


def slots_of(sampling: SamplingConfig) -> int:
    """Rows that a request takes."""
    return 1 if sampling.guidance == 1 else 2


def engine_for(
    model: SpeechLM, prompt: Prompt, sampling: SamplingConfig, precision: Precision, tries: int = 1
) -> Engine:
    """An engine just large enough for a prompt, spoken so many times at once."""
    prompt.check_text(model.config.max_text, model.config.vocab_size)
    rows = tries * slots_of(sampling)
    frames = frame_limit(model.config, len(prompt.ids), sampling.max_frames)
    return Engine(model, rows, precision, (prompt.length, frames))
