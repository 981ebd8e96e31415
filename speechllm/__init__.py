"""Text -> codes."""

from speechllm.config import CodeSpec, LMConfig, SamplingConfig
from speechllm.inference.generate import Frame, generate
from speechllm.model.speech_lm import SpeechLM

__all__ = ["CodeSpec", "Frame", "LMConfig", "SamplingConfig", "SpeechLM", "generate"]
