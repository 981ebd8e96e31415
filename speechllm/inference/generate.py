"""Text ids -> codec frames, one at a time, until the text is read and the voice stops.

One request alone is an engine of one slot: the frames are those of the same request among others.
"""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from speechllm.config import SamplingConfig
from speechllm.inference.engine import Engine
from speechllm.inference.packing import Precision
from speechllm.inference.request import Frame, frame_limit
from speechllm.model.speech_lm import SpeechLM

__all__ = ["Frame", "best_of", "generate"]


def generate(
    model: SpeechLM,
    ids: Tensor,
    sampling: SamplingConfig,
    precision: Precision = "float32",
    prefix: Tensor | None = None,
    unguided: Tensor | None = None,
) -> Iterator[Frame]:
    """Speak text, frame by frame.

    The reader bounds everything: it reaches the last token after at most `max_frames_per_token` frames a token, the
    stop head is only believed once it is there, and `trailing_frames` later the voice stops in any case. A model
    without a reader is bounded by the length of its text.

    Args:
        model: in eval mode.
        ids: int64 [S].
        sampling: temperature, seed and limits. The same ids and sampling give the same frames.
        precision: of the weights while decoding.
        prefix: of a voice, [Q, D].
        unguided: what guidance reads in place of the text, int64 [s].

    Raises:
        ValueError: no text or more than the model can hold, or guidance that it cannot give.
    """
    engine = engine_for(model, [ids], sampling, precision, prefix)
    engine.submit(ids, sampling, prefix, unguided)
    while engine.busy:
        for made in engine.step():
            if made.frame is not None:
                yield made.frame


def best_of(
    tries: int,
    least_frames: int,
    model: SpeechLM,
    ids: Tensor,
    sampling: SamplingConfig,
    precision: Precision = "float32",
    prefix: Tensor | None = None,
    unguided: Tensor | None = None,
) -> list[Frame]:
    """Speak text several times in one batch, and keep what the model was surest of.

    A try that ran into its limit, or has fewer than `least_frames` frames, is kept only if all are like that. The
    first try is what `generate` gives.
    """
    engine = engine_for(model, [ids] * tries, sampling, precision, prefix)
    frames: dict[int, list[Frame]] = {}
    for number in range(tries):
        seeded = replace(sampling, seed=(sampling.seed + number * 7_368_787) % 2**63)
        frames[engine.submit(ids, seeded, prefix, unguided)] = []
    limit, ended = sampling.max_frames or frame_limit(model.config, len(ids)), set()
    while engine.busy:
        for made in engine.step():
            frames[made.ticket] += [] if made.frame is None else [made.frame]
            # Stopped of its own will, which a stop head that looks back shows by a step without a frame.
            if made.last and (made.frame is None or not model.config.stop_after) and len(frames[made.ticket]) < limit:
                ended.add(made.ticket)

    def merit(ticket: int) -> tuple[bool, float]:
        made = frames[ticket]
        plausible = ticket in ended and len(made) >= least_frames
        return plausible, sum(frame.confidence for frame in made) / max(len(made), 1)

    return frames[max(frames, key=merit)]


def engine_for(
    model: SpeechLM, texts: list[Tensor], sampling: SamplingConfig, precision: Precision, prefix: Tensor | None
) -> Engine:
    """An engine just large enough."""
    config, tokens = model.config, max(map(len, texts))
    length = tokens + (0 if prefix is None else len(prefix))
    if tokens < 1 or length > config.max_text:
        raise ValueError(f"got {tokens} tokens; this model reads 1..{config.max_text} at once, split the text")
    rows = len(texts) * (1 if sampling.guidance == 1 else 2)
    return Engine(model, rows, precision, (length, sampling.max_frames or frame_limit(config, tokens)))
