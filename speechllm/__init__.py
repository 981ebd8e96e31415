"""Text -> codes. What needs torch is imported when it is first asked for: speechllm.runtime does without."""

import importlib
from typing import TYPE_CHECKING, Any

from speechllm.config import CodeSpec, LMConfig, SamplingConfig
from speechllm.request import Frame, Prompt

if TYPE_CHECKING:
    from speechllm.inference.generate import generate
    from speechllm.model.speech_lm import SpeechLM

__all__ = ["CodeSpec", "Frame", "LMConfig", "Prompt", "SamplingConfig", "SpeechLM", "generate"]

WITH_TORCH = {"SpeechLM": "speechllm.model.speech_lm", "generate": "speechllm.inference.generate"}


def __getattr__(name: str) -> Any:
    """A public name that needs torch."""
    if name not in WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(WITH_TORCH[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            f"speechllm.{name} needs torch; pip install 'lfsc-tts[torch]'", name="torch"
        ) from None
