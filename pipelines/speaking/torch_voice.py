"""A voice in torch: for GPUs, large models and published weights, and to test the other one against."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from codec import Codec
from pipelines.speaking.voice import Decoder, Voice
from speechllm import Frame, Prompt, SamplingConfig, SpeechLM
from speechllm.config import Precision
from speechllm.inference.generate import Engines
from speechllm.inference.weights import packed
from speechllm.request import Check


class TorchDecoder:
    """A codec's stream in arrays."""

    def __init__(self, codec: Codec):
        self.stream = codec.stream()

        self.device = codec.quantizer.scale.device

    def push(self, codes: np.ndarray) -> np.ndarray:
        """See Decoder."""
        return self.stream.push(torch.from_numpy(codes)[None].to(self.device))[0, 0].cpu().numpy()

    def flush(self, codes: np.ndarray) -> np.ndarray:
        """See Decoder."""
        return self.stream.flush(torch.from_numpy(codes)[None].to(self.device))[0, 0].cpu().numpy()


@dataclass(frozen=True)
class TorchVoice(Voice):
    """See Voice; tensors inside, arrays outside."""

    lm: SpeechLM
    codec: Codec
    precision: Precision = "int8"  # of the LM's weights
    engines: Engines = field(init=False, repr=False, compare=False)  # one for each thread that speaks, and not more
    large: bool = False  # too large to be in memory twice: the LM's weights are given up once they are packed

    engine = "torch"
    two_stages = False  # measured: the two fight for the interpreter and nothing is won
    survives_fork = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "engines", Engines(self.lm, self.precision))
        if self.large:
            packed(self.lm, self.precision, consume=True)

    def prompt(self, ids: list[int], prefix: Any) -> Prompt:
        """See Voice."""
        return Prompt(torch.tensor(ids), prefix, self.unguided, self.nobody)

    def generate(self, prompt: Prompt, sampling: SamplingConfig) -> Iterable[Frame]:
        """See Voice."""
        return map(as_array, self.engines.generate(prompt, sampling))

    def best_of(
        self, prompt: Prompt, sampling: SamplingConfig, tries: int, min_plausible_frames: int, check: Check | None
    ) -> Sequence[Frame]:
        """See Voice."""
        found = self.engines.best_of(prompt, sampling, tries, min_plausible_frames, check)
        return [as_array(frame) for frame in found]

    def decoder(self) -> Decoder:
        """See Voice."""
        return TorchDecoder(self.codec)

    def encode(self, audio: np.ndarray) -> np.ndarray:
        """See Voice."""
        with torch.inference_mode():
            codes = self.codec.encode(torch.from_numpy(audio)[None, None].to(self.codec.quantizer.scale.device))[0][0]
        return codes.cpu().numpy()

    def voice_prefix(self, codes: np.ndarray | None, speaker: np.ndarray | None = None) -> Any:
        """See Voice."""
        given = (None if part is None else torch.from_numpy(part) for part in (codes, speaker))
        return self.lm.voice_prefix(*given)


def as_array(frame: Frame) -> Frame:
    """A frame whose codes are an array."""
    return frame._replace(codes=frame.codes.numpy())
