"""Text ids -> codec frames, one at a time, until the text is read and the voice stops.

One request alone is an engine of one slot: the frames are those of the same request among others.
"""

from collections.abc import Iterator

from torch import Tensor

from speechllm.config import SamplingConfig
from speechllm.engine import Engine, Frame, frame_limit
from speechllm.model import SpeechLM
from speechllm.packing import Precision

__all__ = ["Frame", "generate"]


def generate(
    model: SpeechLM, ids: Tensor, sampling: SamplingConfig, precision: Precision = "float32"
) -> Iterator[Frame]:
    """Speak text, frame by frame.

    The reader bounds everything: it reaches the last token after at most `max_frames_per_token` frames a token, the
    stop head is only believed once it is there, and `trailing_frames` later the voice stops in any case.

    Args:
        model: in eval mode.
        ids: int64 [S].
        sampling: temperature, seed and limits. The same ids and sampling give the same frames.
        precision: of the weights while decoding.

    Raises:
        ValueError: no text or more than the model can hold.
    """
    config = model.config
    if not 1 <= len(ids) <= config.max_text:
        raise ValueError(f"got {len(ids)} tokens; this model reads 1..{config.max_text} at once, split the text")
    engine = Engine(model, 1, precision, (len(ids), frame_limit(config, len(ids))))
    engine.submit(ids, sampling)
    while engine.busy:
        for made in engine.step():
            yield made.frame
