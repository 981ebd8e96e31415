"""Text ids -> codec frames, one at a time, until the text is read and the voice stops.

One request alone is an engine of one slot: the frames are those of the same request among others.
"""

from collections.abc import Iterator

from speechllm.config import Precision, SamplingConfig
from speechllm.inference.engine import Engine
from speechllm.model.speech_lm import SpeechLM
from speechllm.request import Frame, Prompt, Try, frame_limit, seeds_of_tries, surest


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
    engine = engine_for(model, prompt, sampling, precision)
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
) -> list[Frame]:
    """Speak text several times in one batch, and keep what the model was surest of.

    A try that ran into its limit, or has fewer than `min_plausible_frames` frames, is kept only if all are like that.
    The first try is what `generate` gives.
    """
    engine = engine_for(model, prompt, sampling, precision, tries)
    spoken = {engine.submit(prompt, settings): Try() for settings in seeds_of_tries(sampling, tries)}
    limit = frame_limit(model.config, len(prompt.ids), sampling.max_frames)
    while engine.busy:
        for ticket, frame, last in engine.step():
            spoken[ticket].add(model.config, frame, last, limit)
    return list(surest(spoken.values(), min_plausible_frames))


def engine_for(
    model: SpeechLM, prompt: Prompt, sampling: SamplingConfig, precision: Precision, tries: int = 1
) -> Engine:
    """An engine just large enough for a prompt, spoken so many times at once."""
    prompt.check_text(model.config.max_text, model.config.vocab_size)
    rows = tries * (1 if sampling.guidance == 1 else 2)
    frames = frame_limit(model.config, len(prompt.ids), sampling.max_frames)
    return Engine(model, rows, precision, (prompt.length, frames))
