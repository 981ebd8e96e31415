"""What the tests train: a HiFi-GAN codec of a few weights by the paper's recipe, without Lightning's loop around it."""

from typing import Any

import torch

from codec import HiFiGANConfig
from codec.hifigan.config import DecoderConfig, EncoderConfig
from codec.training.lfsc.module import HiFiGANOptim

TOY = HiFiGANConfig(
    strides=(4, 8, 8),
    encoder=EncoderConfig(channels=2, kernel_sizes=(3,)),
    decoder=DecoderConfig(channels=16, kernel_sizes=(3,), dilations=(1,)),
)
TOY_OPTIM = HiFiGANOptim(
    max_steps=4,
    decay_steps=2,
    n_ffts=(64, 256),
    mel_bands=(5, 20),
    periods=(2,),
    period_channels=(4, 4),
    spectrum_n_ffts=(128,),
    spectrum_channels=4,
    speech_model=None,
)


def without_trainer(module: Any) -> dict[str, torch.Tensor]:
    """Let a Lightning module of manual optimisation step by itself; returns what it will log."""
    logged: dict[str, torch.Tensor] = {}
    optimizers: list[Any] = []

    def made() -> list[Any]:
        if not optimizers:  # now, and not before: the module may still have to move
            optimizers.extend(module.configure_optimizers())
        return optimizers

    module.optimizers = made
    module.manual_backward = lambda loss: loss.backward()
    module.log = lambda *_, **__: None
    module.log_dict = lambda values, **_: logged.update(values)
    return logged
