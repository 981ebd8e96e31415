"""Text -> codes."""

from speechllm.config import CodeSpec, LMConfig, SamplingConfig
from speechllm.inference.generate import generate
from speechllm.inference.request import Frame, Prompt
from speechllm.model.speech_lm import SpeechLM

__all__ = ["CodeSpec", "Frame", "LMConfig", "Prompt", "SamplingConfig", "SpeechLM", "generate"]
