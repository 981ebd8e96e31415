"""A voice in ONNX Runtime, without torch: how shipped voices speak."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codec.runtime import RuntimeCodec
from pipelines.speaking.voice import Decoder, Voice
from speechllm import Frame, Prompt, SamplingConfig
from speechllm.request import Check
from speechllm.runtime.generate import best_of, generate
from speechllm.runtime.lm import RuntimeLM


class OnnxDecoder:
    """A codec's stream of one item."""

    def __init__(self, codec: RuntimeCodec):
        self.stream = codec.stream()

    def push(self, codes: np.ndarray) -> np.ndarray:
        """See Decoder."""
        audio: np.ndarray = self.stream.push(codes[None])[0, 0]
        return audio

    def flush(self, codes: np.ndarray) -> np.ndarray:
        """See Decoder."""
        audio: np.ndarray = self.stream.flush(codes[None])[0, 0]
        return audio


@dataclass(frozen=True)
class OnnxVoice(Voice):
    """See Voice."""

    lm: RuntimeLM
    codec: RuntimeCodec

    engine = "onnx"
    two_stages = True
    survives_fork = True

    @property
    def precision(self) -> str:
        """Of the LM's weights."""
        return self.lm.precision

    def prompt(self, ids: list[int], prefix: Any) -> Prompt:
        """See Voice."""
        return Prompt(np.array(ids), prefix, self.unguided, self.nobody)

    def generate(self, prompt: Prompt, sampling: SamplingConfig) -> Iterable[Frame]:
        """See Voice."""
        return generate(self.lm, prompt, sampling)

    def best_of(
        self, prompt: Prompt, sampling: SamplingConfig, tries: int, min_plausible_frames: int, check: Check | None
    ) -> Sequence[Frame]:
        """See Voice."""
        return best_of(self.lm, prompt, sampling, tries, min_plausible_frames, check)

    def decoder(self) -> Decoder:
        """See Voice."""
        return OnnxDecoder(self.codec)

    def encode(self, audio: np.ndarray) -> np.ndarray:
        """See Voice."""
        return self.codec.encode(audio[None, None])[0][0]

    def voice_prefix(self, codes: np.ndarray | None, speaker: np.ndarray | None = None) -> Any:
        """See Voice."""
        return self.lm.voice_prefix(codes, speaker)
