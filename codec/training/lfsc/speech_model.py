"""A speech model of transformers as a frozen listener. The only file of the package that knows transformers."""

import torch
from torch import Tensor, nn


class SpeechModel(nn.Module):
    """Hidden states of a WavLM, HuBERT or wav2vec 2.0 model, for SpeechModelDiscriminator.

    Args:
        name: hub id or folder, such as microsoft/wavlm-base-plus.

    Raises:
        ImportError: transformers is not installed.
        OSError: no such model, or no network.
    """

    def __init__(self, name: str):
        super().__init__()
        try:
            from transformers import AutoModel
        except ImportError:
            raise ImportError(
                "the speech-model discriminator needs transformers: pip install transformers, "
                "or set optim.speech_model to null"
            ) from None
        self.model = AutoModel.from_pretrained(name).eval().requires_grad_(False)
        self.states = self.model.config.num_hidden_layers + 1
        self.dim = self.model.config.hidden_size

    def train(self, mode: bool = True) -> "SpeechModel":
        """Stays in evaluation mode: no dropout, no dropped layers."""
        return super().train(False)

    def forward(self, audio: Tensor) -> tuple[Tensor, ...]:
        """Audio [B, N] at the model's rate -> hidden states, each [B, S, C]. Gradients reach the audio."""
        with torch.autocast(audio.device.type, enabled=False):
            return self.model(audio.float(), output_hidden_states=True).hidden_states
