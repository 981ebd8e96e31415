"""A voice in torch: for GPUs, large models and published weights, and to test the other one against."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from codec import Codec
from pipelines.speaking.voice import Decoder, Voice
from speechllm import Frame, Prompt, SamplingConfig, SpeechLM, generate
from speechllm.config import Precision
from speechllm.inference.generate import best_of
from speechllm.inference.weights import packed


class TorchDecoder:
    """A codec's stream in arrays."""

    def __init__(self, codec: Codec):
        self.stream = codec.stream()

    def push(self, codes: np.ndarray) -> np.ndarray:
        """See Decoder."""
        return self.stream.push(torch.from_numpy(codes)[None])[0, 0].numpy()

    def flush(self, codes: np.ndarray) -> np.ndarray:
        """See Decoder."""
        return self.stream.flush(torch.from_numpy(codes)[None])[0, 0].numpy()


@dataclass(frozen=True)
class TorchVoice(Voice):
    """See Voice; tensors inside, arrays outside."""

    lm: SpeechLM
    codec: Codec
    precision: Precision = "int8"  # of the LM's weights
    large: bool = False  # too large to be in memory twice: the LM's weights are given up once they are packed

    engine = "torch"
    two_stages = False  # measured: the two fight for the interpreter and nothing is won
    survives_fork = False

    def __post_init__(self) -> None:
        if self.large:
            packed(self.lm, self.precision, consume=True)

    def prompt(self, ids: list[int], prefix: Any) -> Prompt:
        """See Voice."""
        return Prompt(torch.tensor(ids), prefix, self.unguided)

    def generate(self, prompt: Prompt, sampling: SamplingConfig) -> Iterable[Frame]:
        """See Voice."""
        return map(as_array, generate(self.lm, prompt, sampling, self.precision))

    def best_of(
        self, prompt: Prompt, sampling: SamplingConfig, tries: int, min_plausible_frames: int
    ) -> Sequence[Frame]:
        """See Voice."""
        found = best_of(self.lm, prompt, sampling, self.precision, tries, min_plausible_frames)
        return [as_array(frame) for frame in found]

    def decoder(self) -> Decoder:
        """See Voice."""
        return TorchDecoder(self.codec)

    def voice_prefix(self, codes: np.ndarray) -> Any:
        """See Voice."""
        return self.lm.voice_prefix(torch.from_numpy(codes))


def as_array(frame: Frame) -> Frame:
    """A frame whose codes are an array."""
    return frame._replace(codes=frame.codes.numpy())
