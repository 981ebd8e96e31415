"""Text ids -> codec frames, one at a time: prefill, then decode until the text is read and the voice stops.

Shapes: S text tokens, K codebooks, D width, W reader window.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from speechllm.attention import KVCache
from speechllm.config import SamplingConfig
from speechllm.digits import digits_to_codes
from speechllm.model import SpeechLM
from speechllm.sampling import DigitSampler, Pace


class Frame(NamedTuple):
    """One generated codec frame."""

    codes: Tensor  # int64 [K]
    position: int  # token it speaks
    confidence: float  # probability the reader gave to that token, in [0, 1]


class Decoder:
    """The state of one request: cache, last frame, reading position.

    Args:
        model: in eval mode.
        ids: text tokens int64 [S], 1 <= S <= max_text.

    Raises:
        ValueError: no text or more than the model can hold.
    """

    def __init__(self, model: SpeechLM, ids: Tensor):
        config = model.config
        if not 1 <= len(ids) <= config.max_text:
            raise ValueError(f"got {len(ids)} tokens; this model reads 1..{config.max_text} at once, split the text")
        self.model = model
        self.text = model.text_embedding(ids)[None]  # [1, S, D]
        self.length = torch.tensor([len(ids)])
        self.frames = 0
        self.position = torch.zeros(1, 1, dtype=torch.long)
        head = config.dim // config.num_heads
        self.capacity = min(config.max_frames, 64 + 12 * len(ids))
        shape = (config.num_layers, 1, config.num_heads, len(ids) + self.capacity, head)
        self.cache = KVCache(shape, ids.device)
        self.reader_keys, self.reader_values = self.prefill()

    def prefill(self) -> tuple[Tensor, Tensor]:
        """Run the text through all layers; returns what the reader needs of it."""
        x, model = self.text, self.model
        rotary = model.rotary[: x.shape[1]]
        for layer, block in enumerate(model.blocks):
            if layer == model.config.reader_layer:
                reader = model.reader.key(x), model.reader.value(x)
            x = block(x, rotary, None, self.cache, layer)
        self.cache.advance(x.shape[1])
        return reader

    def step(self, previous: Tensor | None) -> "Step":
        """First half of a frame: up to the reader. `previous` are the digits int64 [P] of the frame before."""
        model = self.model
        x = self.text[:, self.position[0]]  # [1, 1, D]
        x = x + (model.begin if previous is None else model.embed_frames(previous[None, None]))
        rotary = model.rotary[self.frames : self.frames + 1]
        for layer in range(model.config.reader_layer):
            x = model.blocks[layer](x, rotary, None, self.cache, layer)
        logits = model.reader.logits(x, self.reader_keys, self.position, self.length)[0, 0]
        return Step(x, logits, rotary)

    def finish(self, step: "Step", advance: int) -> tuple[Tensor, Tensor]:
        """Second half, once it is known how far the reader went: digit logits [num_logits] and stop logit []."""
        model = self.model
        self.position = self.position + advance
        x = step.x + self.reader_values[:, self.position[0]]
        for layer in range(model.config.reader_layer, model.config.num_layers):
            x = model.blocks[layer](x, step.rotary, None, self.cache, layer)
        self.cache.advance(1)
        self.frames += 1
        x = model.norm(x)[0, 0]
        return model.frame_head(x), model.stop_head(x)[0]


class Step(NamedTuple):
    """A frame between its two halves."""

    x: Tensor
    reader: Tensor  # logits [W]
    rotary: Tensor


@torch.inference_mode()
def generate(model: SpeechLM, ids: Tensor, sampling: SamplingConfig) -> Iterator[Frame]:
    """Speak text, frame by frame.

    The reader bounds everything: it reaches the last token after at most `max_frames_per_token` frames a token, the
    stop head is only believed once it is there, and `trailing_frames` later the voice stops in any case.

    Args:
        model: in eval mode.
        ids: int64 [S].
        sampling: temperature, seed and limits. The same ids and sampling give the same frames.
    """
    decoder = Decoder(model, ids)
    sampler = DigitSampler(model.config.codes.levels, model.config.codes.num_codebooks)
    generator = torch.Generator().manual_seed(sampling.seed)
    pace = Pace(sampling.reader_temperature)
    digits: Tensor | None = None
    standing = 0  # frames since the reader last moved
    last = len(ids) - 1
    while decoder.frames < decoder.capacity:
        step = decoder.step(digits)
        advance = pace(step.reader, generator)
        confidence = float(step.reader.softmax(-1)[advance])
        position = int(decoder.position)
        # Also pushed on when the frames that are left are only just enough, so that no text is cut off.
        scarce = decoder.capacity - decoder.frames - sampling.trailing_frames <= last - position
        if advance == 0 and (standing >= sampling.max_frames_per_token or scarce) and position < last:
            advance = 1
        standing = 0 if advance else standing + 1
        logits, stop = decoder.finish(step, advance)
        digits = sampler(logits, sampling.temperature, generator)
        position += advance
        yield Frame(digits_to_codes(digits, model.config.codes.levels), position, confidence)
        finished = float(stop) > 0 or standing >= sampling.trailing_frames
        if finished and position == last and decoder.frames >= sampling.min_frames:
            return
