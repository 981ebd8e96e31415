"""Text -> codes."""

from speechllm.config import CodeSpec, LMConfig, SamplingConfig
from speechllm.inference.generate import generate
from speechllm.model.speech_lm import SpeechLM
from speechllm.request import Frame, Prompt

__all__ = ["CodeSpec", "Frame", "LMConfig", "Prompt", "SamplingConfig", "SpeechLM", "generate"]
