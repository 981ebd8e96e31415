"""LitHiFiGAN: how a HiFi-GAN codec is trained. No architecture, no file I/O.

Shapes: B batch, N samples.

A batch is audio [B, N], or audio and the samples of each item, int [B], where some are padded. Discriminators score
padding too, as NeMo's do.

Every batch updates the codec, every second one the discriminators first. Where `quantize_from` is above 0, training
starts without rounding: the decoder learns from the bounded latents, and FSQ comes in later.

Source: arXiv 2409.12117; weights and schedule from the configuration published with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import lightning
import torch
from torch import Tensor, nn

from codec.hifigan.codec import HiFiGANCodec, zero_after
from codec.hifigan.layers import ResidualLayer
from codec.training.accumulating import Means, recompute, shares_of
from codec.training.adversarial import check_finite, rename_discriminators
from codec.training.lfsc.discriminators import (
    ComplexSpectrumDiscriminator,
    Discriminators,
    PeriodDiscriminator,
    SpeechModelDiscriminator,
)
from codec.training.lfsc.losses import adversarial_loss, discriminator_loss, matching_loss, mel_loss, stft_loss
from codec.training.lfsc.speech_model import SpeechModel
from codec.training.ranges import AtLeastOne, Count, Decay, NotNegative, Positive, PositiveShare
from codec.training.steps import CountsSteps

Batch: TypeAlias = Tensor | Sequence[Tensor]
Part: TypeAlias = tuple[float, Tensor, Tensor | None]  # share of a step, audio [B, N], samples of whole frames int [B]


@dataclass(frozen=True)
class HiFiGANOptim:
    """Losses and optimisers; see configs/codec/lfsc.yaml."""

    max_steps: AtLeastOne = 170_000
    quantize_from: Count = 0  # step from which latents are rounded
    discriminator_every: AtLeastOne = 2  # batches for one update of the discriminators
    learning_rate: Positive = 2e-4
    betas: tuple[Decay, Decay] = (0.8, 0.99)
    decay: PositiveShare = 0.998  # of the learning rate, at every decay_steps
    decay_steps: AtLeastOne = 1000
    n_ffts: tuple[AtLeastOne, ...] = (32, 64, 128, 256, 512, 1024, 2048)
    mel_bands: tuple[AtLeastOne, ...] = (5, 10, 20, 40, 80, 160, 320)  # of each window
    mel_weight: NotNegative = 1.0
    stft_weight: NotNegative = 20.0
    adversarial_weight: NotNegative = 1.0
    matching_weight: NotNegative = 1.0
    periods: tuple[AtLeastOne, ...] = (2, 3, 5, 7, 11)
    period_channels: tuple[AtLeastOne, ...] = (32, 128, 512, 1024, 1024)
    spectrum_n_ffts: tuple[AtLeastOne, ...] = (128, 256, 512, 1024, 2048)
    spectrum_channels: AtLeastOne = 32
    speech_model: str | None = "microsoft/wavlm-base-plus"  # of transformers; None goes without
    speech_model_rate: AtLeastOne = 16_000  # Hz


def build_discriminators(optim: HiFiGANOptim, sample_rate: int) -> Discriminators:
    """The discriminators that a configuration asks for."""
    members: list[nn.Module] = [ComplexSpectrumDiscriminator(n, optim.spectrum_channels) for n in optim.spectrum_n_ffts]
    members += [PeriodDiscriminator(period, optim.period_channels) for period in optim.periods]
    if optim.speech_model:
        model = SpeechModel(optim.speech_model)
        members.append(SpeechModelDiscriminator(model, model.states, model.dim, sample_rate, optim.speech_model_rate))
    if not members:
        raise ValueError("got no discriminator; name spectrum_n_ffts, periods or a speech_model")
    return Discriminators(members)


class LitHiFiGAN(CountsSteps, lightning.LightningModule):
    """Manual optimisation: discriminators first, then the codec, on the same batch.

    Args:
        codec: with or without weight normalisation; it is put on.
        optim: see HiFiGANOptim.
        show: called at every validation with the step and some audio [B, N], real and decoded.
        batches_per_step: parts that a batch is passed in, one after the other; the update is the same.
        checkpointing: whether inner values of the codec's residual layers are computed anew on the way back.
    """

    def __init__(
        self,
        codec: HiFiGANCodec,
        optim: HiFiGANOptim,
        show: Callable[[int, Tensor, Tensor], None] | None = None,
        batches_per_step: int = 1,
        checkpointing: bool = False,
    ):
        super().__init__()
        self.automatic_optimization = False
        codec.add_weight_norm()
        self.codec, self.optim, self.show, self.batches_per_step = codec, optim, show, batches_per_step
        if checkpointing:
            recompute(codec, ResidualLayer)
        self.discriminators = build_discriminators(optim, codec.sample_rate)
        self.losses: list[Tensor] = []  # of the step so far
        self.register_step()

    def sharded_parts(self) -> dict[nn.Module, tuple[str, ...]]:
        """What FSDP2 shards and gathers together."""
        return {self.codec.encoder: (), self.codec.decoder: (), self.discriminators: ()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Runs begun when discriminators were called judges resume too."""
        rename_discriminators(checkpoint)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Adam for the codec and for the discriminators."""
        options = dict(lr=self.optim.learning_rate, betas=self.optim.betas)
        return [torch.optim.Adam(part.parameters(), **options) for part in (self.codec, self.discriminators)]

    def learning_rate(self) -> float:
        """Of both: steps down by a small factor at regular intervals."""
        return self.optim.learning_rate * self.optim.decay ** (self.steps // self.optim.decay_steps)

    def whole_frames(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Audio [B, N], and the samples int [B] of the codec frames that an item touches; None = all are full."""
        if isinstance(batch, Tensor):
            return batch, None
        audio, lengths = batch
        hop = self.codec.hop_length
        return audio, (lengths + hop - 1) // hop * hop

    def reconstruct(self, audio: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Audio [B, N] -> the same from codes, or from latents before `quantize_from`; zero beyond an item's end.

        With `lengths` int [B], of whole frames, every layer is zeroed beyond an item's end, as NeMo does.
        """
        latents = self.codec.encoder(audio[:, None], lengths)
        fsq = self.codec.quantizer
        values = fsq.bound(latents) / fsq.half_level if self.steps < self.optim.quantize_from else fsq(latents)[0]
        if lengths is None:
            return self.codec.decoder(values)[:, 0]
        frames = lengths // self.codec.hop_length
        masked = None if self.codec.config.decoder.causal else frames  # causal: what comes after cannot be heard
        return zero_after(self.codec.decoder(zero_after(values, frames), masked), lengths)[:, 0]

    def reconstruction(self, fake: Tensor, real: Tensor, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """Spectral distances."""
        o = self.optim
        return {
            "mel": mel_loss(fake, real, self.codec.sample_rate, o.n_ffts, o.mel_bands, lengths),
            "stft": stft_loss(fake, real, o.n_ffts, lengths),
        }

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """At most one update of the discriminators, then one of the codec."""
        parts, means = self.parts(batch), Means()
        codec_optimizer, discriminator_optimizer = self.optimizers()
        for optimizer in (codec_optimizer, discriminator_optimizer):
            optimizer.param_groups[0]["lr"] = self.learning_rate()
        # One part is decoded once for both updates. Several would all have to be kept, so they are decoded again.
        kept = [self.reconstruct(*parts[0][1:])] if len(parts) == 1 else None
        if self.steps % self.optim.discriminator_every == 0:
            self.update(discriminator_optimizer, self.discriminate, parts, kept, means)
        self.discriminators.requires_grad_(False)  # their own gradients are not wanted when the codec learns from them
        self.update(codec_optimizer, self.judge, parts, kept, means)
        self.discriminators.requires_grad_(True)
        check_finite(self.losses, self.steps)
        self.losses.clear()
        self.count_step()
        self.log_dict({f"train/{name}": value for name, value in means.values.items()}, prog_bar=True)
        self.log("step", float(self.steps))  # of the run, for the log, not of this part of it

    def parts(self, batch: Batch) -> list[Part]:
        """The segments of a step, as many at a time as are held at once."""
        audio, lengths = self.whole_frames(batch)
        return [
            (share, audio[which], None if lengths is None else lengths[which])
            for which, share in shares_of(len(audio), self.batches_per_step)
        ]

    def discriminate(self, fake: Tensor, audio: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
        """What the discriminators learn from."""
        return {"discriminator": discriminator_loss(self.discriminators(audio), self.discriminators(fake.detach()))}

    def judge(self, fake: Tensor, audio: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
        """What the codec learns from."""
        losses = self.reconstruction(fake, audio, lengths)
        fake_outputs = self.discriminators(fake)
        with torch.no_grad():
            real_outputs = self.discriminators(audio)
        losses["adversarial"] = adversarial_loss(fake_outputs)
        losses["matching"] = matching_loss(real_outputs, fake_outputs)
        return losses

    def update(
        self,
        optimizer: torch.optim.Optimizer,
        losses_of: Callable[[Tensor, Tensor, Tensor | None], dict[str, Tensor]],
        parts: Sequence[Part],
        kept: Sequence[Tensor] | None,
        means: Means,
    ) -> None:
        """Backward of every part, and step."""
        optimizer.zero_grad()
        for number, (share, audio, lengths) in enumerate(parts):
            losses = losses_of(kept[number] if kept else self.reconstruct(audio, lengths), audio, lengths)
            loss = torch.stack([getattr(self.optim, f"{name}_weight", 1.0) * one for name, one in losses.items()]).sum()
            self.losses.append(loss.detach())
            self.manual_backward(loss * share)
            means.add(share, losses)
        optimizer.step()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Reconstruct segments of other utterances."""
        audio, lengths = self.whole_frames(batch)
        fake = self.reconstruct(audio, lengths)
        self.log("step", float(self.steps), sync_dist=True)
        self.log_dict(
            {f"val/{name}": value for name, value in self.reconstruction(fake, audio, lengths).items()},
            prog_bar=True,
            sync_dist=True,
        )
        if self.show and batch_idx == 0 and self.global_rank == 0:
            self.show(self.steps, audio, fake)
