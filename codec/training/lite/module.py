"""LitCodec: how a lite codec is trained. No architecture, no file I/O.

Shapes: B batch, N samples, S STFT frames, F bins, W values of a frame of features.

Nothing is trained on audio: features are what speech is made of, and comparing them frees the networks from what no
code can know, such as the phase of a voice and the grain of a breath. The two halves learn side by side, encoder and
decoder to code features, the vocoder to see the fine envelope behind true ones. A plain distance leaves both blurred,
and a blurred envelope sounds muffled; so from `freeze_from` on the encoder is frozen (the codes stay what they are, and
an LM can be trained on them meanwhile), discriminators score features and envelopes, and the vocoder sees decoded
features.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from codec.lite.codec import LiteCodec
from codec.lite.features import ENVELOPE_MEAN, ENVELOPE_SCALE, analyse
from codec.training.adversarial import adversarial_loss, check_finite, discriminator_loss, rename_discriminators
from codec.training.lite.discriminators import PatchDiscriminator
from codec.training.lite.losses import feature_loss, feature_matching_loss, usage_loss
from codec.training.steps import CountsSteps

Term = tuple[float, str, Tensor]  # weight, name, value of a loss


@dataclass(frozen=True)
class CodecOptim:
    """Losses and optimisers; see configs/codec/lite-21.5fps.yaml."""

    max_steps: int = 20_000
    freeze_from: int = 7_500  # step from which the encoder is frozen and discriminators come in
    warmup_steps: int = 50
    learning_rate: float = 2e-3
    frozen_learning_rate: float = 5e-4  # from freeze_from on
    discriminator_learning_rate: float = 3e-4
    final_learning_rate: float = 0.05  # share of the learning rate left at freeze_from and at the end
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 1e-3
    clip_norm: float = 5.0
    parts: tuple[str, ...] = ("features", "vocoder")  # what learns; they can also be trained apart, at the same time
    usage_weight: float = 0.0  # of codes that are used alike, until freeze_from
    feature_weight: float = 4.0
    pitch_weight: float = 8.0
    envelope_weight: float = 4.0
    adversarial_weight: float = 0.5
    matching_weight: float = 2.0
    discriminator_channels: int = 32


class LitCodec(CountsSteps, lightning.LightningModule):
    """Manual optimisation: discriminators first, then the codec, on the same batch."""

    def __init__(self, codec: LiteCodec, optim: CodecOptim):
        super().__init__()
        self.automatic_optimization = False
        self.codec, self.optim = codec, optim
        channels = optim.discriminator_channels
        self.discriminators = torch.nn.ModuleDict(
            {name: PatchDiscriminator(channels) for name in ("features", "envelope")}
        )
        self.losses: list[Tensor] = []  # of the step so far
        self.register_step()

    def sharded_parts(self) -> dict[torch.nn.Module, tuple[str, ...]]:
        """What FSDP2 shards and gathers together, and how it is called if not as a whole."""
        c = self.codec
        parts: dict[torch.nn.Module, tuple[str, ...]] = {c.encoder: (), c.decoder: (), c.vocoder: ("envelope",)}
        return parts | {discriminator: () for discriminator in self.discriminators.values()}

    @staticmethod
    def save_discriminators(path: Path, weights: dict[str, Tensor]) -> None:
        """Write the weights of the discriminators as safetensors, for a later run to start from."""
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, path)

    def load_discriminators(self, path: Path) -> None:
        """Read what save_discriminators wrote."""
        self.discriminators.load_state_dict(load_file(path))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Runs begun when discriminators were called judges resume too."""
        rename_discriminators(checkpoint)

    @property
    def frozen(self) -> bool:
        """Whether the codes are what they will be."""
        return self.steps >= self.optim.freeze_from

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """AdamW for the codec and for each discriminator."""
        o = self.optim
        options = dict(betas=o.betas, weight_decay=o.weight_decay)
        discriminators = [
            torch.optim.AdamW(discriminator.parameters(), lr=o.discriminator_learning_rate, **options)
            for discriminator in self.discriminators.values()
        ]
        return [torch.optim.AdamW(self.codec.parameters(), lr=o.learning_rate, **options), *discriminators]

    def learning_rate(self) -> float:
        """Of the codec: warm-up, then linear decay, before and again after the encoder is frozen."""
        o, step = self.optim, self.steps
        begin, end = (o.freeze_from, o.max_steps) if self.frozen else (0, min(o.freeze_from, o.max_steps))
        peak = o.frozen_learning_rate if self.frozen else o.learning_rate
        progress = (step - begin) / max(end - begin, 1)
        return peak * min(1, (step - begin + 1) / o.warmup_steps) * (1 - (1 - o.final_learning_rate) * progress)

    @torch.no_grad()
    def analyse(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """Audio [B, N] -> features [B, S, W] and envelope [B, S, F]; features come back as they are, without one."""
        if batch.dim() == 3:
            return batch, None
        with torch.autocast(batch.device.type, enabled=False):
            return analyse(batch, self.codec.config)

    def encode(self, features: Tensor) -> Tensor:
        """Latents [B, D, T] of features; only the decoder learns once the encoder is frozen."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self.codec.encoder(features)

    def targets_and_estimates(self, batch: Tensor) -> tuple[dict[str, tuple[Tensor, Tensor]], Tensor | None]:
        """Of each part that learns, what it should give and what it gives, both of order 1; and latents [B, D, T].

        A batch is audio [B, N], features [B, S, W], or pairs of features [B, 2, S, W], input and target.
        """
        given, wanted = batch.unbind(1) if batch.dim() == 4 else (batch, None)
        features, envelope = self.analyse(given)
        vocoder_input, latents, pairs = features, None, {}
        if "features" in self.optim.parts:
            latents = self.encode(features)
            decoded = self.codec.decoder(self.codec.quantizer(latents)[0]).float()
            pairs["features"] = features if wanted is None else wanted, decoded
            vocoder_input = decoded if self.frozen else features
        if "vocoder" in self.optim.parts:
            assert envelope is not None, "a vocoder learns from audio"
            fine = self.codec.vocoder.envelope(vocoder_input)
            target, estimate = ((part + ENVELOPE_MEAN) / ENVELOPE_SCALE for part in (envelope, fine))
            pairs["envelope"] = target, estimate
        return pairs, latents

    def distance(self, name: str, target: Tensor, estimate: Tensor) -> Term:
        """The plain loss of one part."""
        if name == "features":
            return self.optim.feature_weight, name, feature_loss(estimate, target, self.optim.pitch_weight)
        return self.optim.envelope_weight, name, (estimate - target).abs().mean()

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        """One update of the discriminators, once the encoder is frozen, and one of the codec."""
        optimizer, *others = self.optimizers()
        discriminator_optimizers = dict(zip(self.discriminators, others, strict=True))
        optimizer.param_groups[0]["lr"] = self.learning_rate()
        pairs, latents = self.targets_and_estimates(batch)
        terms: list[Term] = []
        if latents is not None and self.optim.usage_weight and not self.frozen:
            terms.append((self.optim.usage_weight, "usage", usage_loss(self.codec.quantizer.squash(latents))))
        for name, (target, estimate) in pairs.items():
            terms.append(self.distance(name, target, estimate))
            if self.frozen:
                terms += self.adversarial_terms(name, discriminator_optimizers[name], target, estimate)
        self.update(optimizer, self.codec, torch.stack([weight * value for weight, _, value in terms]).sum())
        check_finite(self.losses, self.steps)
        self.losses.clear()
        self.count_step()
        self.log_dict({f"train/{name}": value.detach() for _, name, value in terms}, prog_bar=True)
        self.log("step", float(self.steps))  # of the run, for the log, not of this part of it

    def adversarial_terms(self, name: str, optimizer: Any, real: Tensor, fake: Tensor) -> list[Term]:
        """Update one discriminator; returns what the codec is to learn from it."""
        discriminator = self.discriminators[name]
        loss = discriminator_loss(discriminator(real), discriminator(fake.detach()))
        self.update(optimizer, discriminator, loss)
        discriminator.requires_grad_(False)  # its own gradients are not wanted when the codec learns from it
        fake_output = discriminator(fake)
        with torch.no_grad():
            real_output = discriminator(real)
        discriminator.requires_grad_(True)
        return [
            (0.0, f"{name}_discriminator", loss.detach()),
            (self.optim.adversarial_weight, f"{name}_adversarial", adversarial_loss(fake_output)),
            (self.optim.matching_weight, f"{name}_matching", feature_matching_loss(real_output, fake_output)),
        ]

    def update(self, optimizer: Any, module: torch.nn.Module, loss: Tensor) -> None:
        """Backward, clip, step."""
        self.losses.append(loss.detach())
        optimizer.zero_grad()
        self.manual_backward(loss)
        torch.nn.utils.clip_grad_norm_(module.parameters(), self.optim.clip_norm)
        optimizer.step()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Distances on held-out speech."""
        pairs, _ = self.targets_and_estimates(batch)
        terms = [self.distance(name, *pair) for name, pair in pairs.items()]
        self.log("step", float(self.steps), sync_dist=True)
        self.log_dict({f"val/{name}": value for _, name, value in terms}, prog_bar=True, sync_dist=True)
