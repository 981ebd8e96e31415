"""A speech LM that transformers loads: text ids -> codes of a neural codec.

Shapes: B batch, S text tokens, T frames (steps), K codebooks, P digits of a frame (step), W reader window.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from speechllm.config import LMConfig, SamplingConfig
from speechllm.inference.generate import generate
from speechllm.model.frames import DigitTables
from speechllm.model.speech_lm import SpeechLM
from speechllm.portable.configuration_lfsc_tts import LfscTtsConfig
from speechllm.request import Prompt


@dataclass
class LfscTtsOutput(ModelOutput):
    """Predictions at every frame; see speech_lm.LMOutput."""

    digits: Tensor | None = None  # logits [B, T, num_logits], digit after digit
    stop: Tensor | None = None  # logit that this frame is the last [B, T]
    reader: Tensor | None = None  # logits of the token that is read next [B, T, W]


class LfscTtsModel(PreTrainedModel):
    """See SpeechLM."""

    config_class = LfscTtsConfig
    main_input_name = "input_ids"

    def __init__(self, config: LfscTtsConfig):
        super().__init__(config)
        self.lm = SpeechLM(LMConfig.from_dict(config.lm))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Constants, which are in no file; weights are."""
        if isinstance(module, SpeechLM):
            module.rotary = module.rotary_table().to(module.rotary.device)
        elif isinstance(module, DigitTables):
            module.offsets = module.starts().to(module.offsets.device)

    def forward(
        self, input_ids: Tensor, text_lengths: Tensor, digits: Tensor, positions: Tensor, **options: Any
    ) -> LfscTtsOutput:
        """Teacher forcing; see SpeechLM.forward.

        Args:
            input_ids: of the text, int64 [B, S].
            text_lengths: int64 [B].
            digits: of the true frames, int64 [B, T, P].
            positions: token each frame speaks, int64 [B, T].
            options: of SpeechLM.forward.
        """
        return LfscTtsOutput(*self.lm(input_ids, text_lengths, digits, positions, **options))

    @torch.inference_mode()
    def generate(
        self, input_ids: Tensor, codes: Tensor | None = None, speaker: Tensor | None = None, **sampling: Any
    ) -> Tensor:
        """Speak a text.

        Args:
            input_ids: of the text, int64 [S] or [1, S].
            codes: of a recording of the voice, int64 [K, T], for a model of many.
            speaker: its vector, float32 [C], for a model of many.
            sampling: fields of SamplingConfig, such as seed and temperature.

        Returns:
            Codes int64 [1, K, T], for the codec that config.lm["codes"]["codec_fingerprint"] names.

        Raises:
            ValueError: more than one text, or what SamplingConfig and the model refuse.
        """
        ids = input_ids.reshape(-1, input_ids.shape[-1])
        if len(ids) != 1:
            raise ValueError(f"got {len(ids)} texts; generate speaks one at a time")
        prompt = Prompt(ids[0], self.lm.voice_prefix(codes, speaker), nobody=self.lm.voice_prefix(None))
        frames = generate(self.lm.eval(), prompt, SamplingConfig(**sampling))
        return torch.stack([torch.as_tensor(frame.codes) for frame in frames], dim=-1).long()[None]
