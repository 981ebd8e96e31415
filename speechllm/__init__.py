"""Text -> codes."""

from speechllm.config import CodeSpec, LMConfig, SamplingConfig
from speechllm.generation import Frame, generate
from speechllm.model import SpeechLM

__all__ = ["CodeSpec", "Frame", "LMConfig", "SamplingConfig", "SpeechLM", "generate"]
