"""The configuration of a speech LM as transformers keeps it."""

from typing import Any

from transformers import PretrainedConfig


class LfscTtsConfig(PretrainedConfig):
    """A speech LM's shape, codes and tokenizer.

    Args:
        lm: the values of an LMConfig, see config.py beside this file or speechllm/config.py; None = of no model yet.
        kwargs: what transformers adds.
    """

    model_type = "lfsc_tts"

    def __init__(self, lm: dict[str, Any] | None = None, **kwargs: Any):
        self.lm = lm or {}
        super().__init__(**kwargs)
