"""Text ids -> codec frames, one at a time, until the text is read and the voice stops.

One request alone is an engine of one slot: the frames are those of the same request among others.
"""

from collections.abc import Iterator

from torch import Tensor

from speechllm.config import SamplingConfig
from speechllm.engine import Engine
from speechllm.model import SpeechLM
from speechllm.packing import Precision
from speechllm.request import Frame, frame_limit

__all__ = ["Frame", "generate"]


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
    config = model.config
    length = len(ids) + (0 if prefix is None else len(prefix))
    if not 1 <= length <= config.max_text:
        raise ValueError(f"got {len(ids)} tokens; this model reads 1..{config.max_text} at once, split the text")
    frames = sampling.max_frames or frame_limit(config, len(ids))
    engine = Engine(model, 1 if sampling.guidance == 1 else 2, precision, (length, frames))
    engine.submit(ids, sampling, prefix, unguided)
    while engine.busy:
        for made in engine.step():
            if made.frame is not None:
                yield made.frame
