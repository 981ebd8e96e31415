"""LitCodec: how a lite codec is trained. No architecture, no file I/O.

Shapes: B batch, N samples, S STFT frames.

Three stages in one run. Before `freeze_from` the two halves learn side by side: encoder and decoder to code features,
on whole segments, and the vocoder to sound, on short crops of true features. From then on encoder and quantiser are
frozen (so the codes stay what they are, and an LM can be trained on them meanwhile), a discriminator judges the
decoded features, which are a blurred picture of the true ones, and the vocoder hears them. From `adversarial_from` on
discriminators judge the audio too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from codec.lite import extract_features, features_to_f0
from codec.model import Codec
from codec.pitch import upsample
from codec.training.discriminators import Discriminators, FeatureDiscriminator, SpectrumDiscriminator
from codec.training.losses import (
    adversarial_loss,
    discriminator_loss,
    energy_distance,
    feature_loss,
    feature_matching_loss,
    phase_loss,
)
from codec.training.phase import locked_phase, pulse_phase


@dataclass(frozen=True)
class CodecOptim:
    """Losses and optimisers; see configs/codec/lite-21.5fps.yaml."""

    max_steps: int = 20_000
    freeze_from: int = 7_500  # step from which the encoder is frozen
    adversarial_from: int = 9_500  # step from which discriminators judge, not before freeze_from
    warmup_steps: int = 50
    learning_rate: float = 2e-3
    frozen_learning_rate: float = 1e-3  # from freeze_from on
    discriminator_learning_rate: float = 3e-4
    final_learning_rate: float = 0.05  # share of the learning rate left at freeze_from and at the end
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 1e-3
    clip_norm: float = 5.0
    parts: tuple[str, ...] = ("features", "vocoder")  # what learns; they can also be trained apart, at the same time
    vocoder_items: int = 12  # segments of a batch that the vocoder is trained on
    vocoder_frames: int = 12  # codec frames of each that it hears
    vocoder_frames_adversarial: int = 12  # the same once discriminators judge
    n_ffts: tuple[int, ...] = (256, 512, 1024)
    feature_weight: float = 4.0
    pitch_weight: float = 8.0
    mel_weight: float = 3.0
    stft_weight: float = 1.0
    phase_weight: float = 1.0
    adversarial_weight: float = 0.2
    matching_weight: float = 1.0
    discriminator_n_ffts: tuple[int, ...] = (512, 1024, 2048)
    discriminator_channels: int = 16
    feature_discriminator_channels: int = 32


class LitCodec(lightning.LightningModule):
    """Manual optimisation: discriminators first, then the codec, on the same batch."""

    def __init__(self, codec: Codec, optim: CodecOptim):
        super().__init__()
        self.automatic_optimization = False
        self.codec, self.optim = codec, optim
        channels = optim.discriminator_channels
        self.listeners = Discriminators([SpectrumDiscriminator(n, channels) for n in optim.discriminator_n_ffts])
        self.viewers = Discriminators([FeatureDiscriminator(optim.feature_discriminator_channels)])
        # Lightning counts the steps of every optimiser together; the schedule needs batches.
        self.register_buffer("step", torch.tensor(0))

    def save_discriminators(self, path: Path) -> None:
        """Write the discriminators as safetensors, for a later run to start from."""
        judges = torch.nn.ModuleDict({"listeners": self.listeners, "viewers": self.viewers})
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in judges.state_dict().items()}, path)

    def load_discriminators(self, path: Path) -> None:
        """Read what save_discriminators wrote."""
        torch.nn.ModuleDict({"listeners": self.listeners, "viewers": self.viewers}).load_state_dict(load_file(path))

    @property
    def frozen(self) -> bool:
        """Whether the codes are what they will be."""
        return int(self.step) >= self.optim.freeze_from

    @property
    def adversarial(self) -> bool:
        """Whether discriminators judge."""
        return self.frozen and int(self.step) >= self.optim.adversarial_from

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """AdamW for the codec, for the discriminators of audio and for those of features."""
        o = self.optim
        options = dict(betas=o.betas, weight_decay=o.weight_decay)
        return [
            torch.optim.AdamW(self.codec.parameters(), lr=o.learning_rate, **options),
            torch.optim.AdamW(self.listeners.parameters(), lr=o.discriminator_learning_rate, **options),
            torch.optim.AdamW(self.viewers.parameters(), lr=o.discriminator_learning_rate, **options),
        ]

    def learning_rate(self) -> float:
        """Of the codec: warm-up, then linear decay, before and again after the encoder is frozen."""
        o, step = self.optim, int(self.step)
        begin, end = (o.freeze_from, o.max_steps) if self.frozen else (0, min(o.freeze_from, o.max_steps))
        peak = o.frozen_learning_rate if self.frozen else o.learning_rate
        progress = (step - begin) / max(end - begin, 1)
        return peak * min(1, (step - begin + 1) / o.warmup_steps) * (1 - (1 - o.final_learning_rate) * progress)

    def generate(self, features: Tensor, phase: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Features [B, S, W] -> two takes [B, N] with the same pulses and independent noise, and the pulses' part.

        phase: of the fundamental of what comes out, float64 [B, N] in radians.
        """
        source = self.codec.source
        filters = self.codec.vocoder(features)
        f0 = filters.f0.detach()
        phase = pulse_phase(phase, f0, filters.phase.detach(), source)
        pulses = source.pulse_spectrum(phase, upsample(f0, source.hop))
        noise = torch.randn(2, *phase.shape, generator=generator, device=phase.device)
        harmonic, first = source.filter(filters, pulses, source.spectrum(noise[0]))
        second = filters.noise.exp() * source.spectrum(noise[1])
        tonal, *takes = (source.audio(part) for part in (harmonic, first, second))
        return tonal + takes[0], tonal + takes[1], tonal

    def decode(self, features: Tensor) -> Tensor:
        """Features through the quantiser and back; only the decoder learns once the encoder is frozen."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            values, _ = self.codec.quantizer(self.codec.encoder(features))
        return self.codec.decoder(values).float()

    def crop(self, generator: torch.Generator, *signals: Tensor) -> list[Tensor]:
        """The part of a batch that the vocoder hears: the same time of signals [B, N] and of features [B, S, W]."""
        o, config = self.optim, self.codec.config
        heard = o.vocoder_frames_adversarial if self.adversarial else o.vocoder_frames
        total = max(signal.shape[1] for signal in signals) // config.hop_length
        start = int(torch.randint(0, max(total - heard, 0) + 1, (), generator=generator))
        cut = []
        for signal in signals:
            rate = signal.shape[1] // total  # steps of this signal in a codec frame
            cut.append(signal[: o.vocoder_items, start * rate : (start + heard) * rate])
        return cut

    def inner(self, audio: Tensor) -> Tensor:
        """Audio without its ends, where the overlap-add fades."""
        edge = self.codec.config.n_fft // 2
        return audio[:, edge:-edge]

    def reconstruction(
        self, features: Tensor, audio: Tensor, phase: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One take of the vocoder without its ends, and the losses that compare it with the audio."""
        with torch.autocast(audio.device.type, enabled=False):
            first, second, tonal = self.generate(features.float(), phase, generator)
            first, second, tonal, target = map(self.inner, (first, second, tonal, audio))
            losses = energy_distance(first, second, target, self.codec.sample_rate, self.optim.n_ffts)
            losses["phase"] = phase_loss(tonal, target, self.codec.sample_rate)
        return first, losses

    @torch.no_grad()
    def analyse(self, audio: Tensor) -> Tensor:
        """Features [B, S, W] of audio [B, N]; features come back as they are."""
        if audio.dim() == 3:
            return audio
        with torch.autocast(audio.device.type, enabled=False):
            return extract_features(audio, self.codec.config)

    def training_step(self, audio: Tensor, batch_idx: int) -> None:
        """One update of the discriminators that judge by now, and one of the codec."""
        o = self.optim
        codec_optimizer, listeners, viewers = self.optimizers()
        codec_optimizer.param_groups[0]["lr"] = self.learning_rate()
        # Randomness comes from the step number, so that a resumed run equals an uninterrupted one.
        generator = torch.Generator().manual_seed(int(self.step))
        features = self.analyse(audio)
        terms: list[tuple[float, str, Tensor]] = []
        heard = features
        if "features" in o.parts:
            decoded = self.decode(features)
            terms.append((o.feature_weight, "features", feature_loss(decoded, features, o.pitch_weight)))
            if self.frozen:
                heard = decoded
                terms += self.contest("features", self.viewers, viewers, features, decoded)
        if "vocoder" in o.parts:
            audio, true, heard = self.crop(generator, audio, features, heard)
            phase = locked_phase(audio, features_to_f0(true), self.codec.sample_rate)
            take, losses = self.reconstruction(heard, audio, phase, generator)
            weights = {"mel": o.mel_weight, "stft": o.stft_weight, "phase": o.phase_weight}
            terms += [(weights[name], name, loss) for name, loss in losses.items()]
            if self.adversarial:
                terms += self.contest("audio", self.listeners, listeners, self.inner(audio), take)
        self.update(codec_optimizer, self.codec, torch.stack([weight * value for weight, _, value in terms]).sum())
        self.step += 1
        self.log_dict({f"train/{name}": value.detach() for _, name, value in terms}, prog_bar=True)

    def contest(
        self, what: str, judges: Discriminators, optimizer: Any, real: Tensor, fake: Tensor
    ) -> list[tuple[float, str, Tensor]]:
        """Update some discriminators, then let them judge; returns weighted terms for the codec."""
        loss = discriminator_loss(judges(real), judges(fake.detach()))
        self.update(optimizer, judges, loss)
        judges.requires_grad_(False)  # their own gradients are not wanted when the codec learns from them
        judged = judges(fake)
        with torch.no_grad():
            truth = judges(real)
        judges.requires_grad_(True)
        return [
            (0.0, f"{what}_discriminator", loss.detach()),
            (self.optim.adversarial_weight, f"{what}_adversarial", adversarial_loss(judged)),
            (self.optim.matching_weight, f"{what}_matching", feature_matching_loss(truth, judged)),
        ]

    def update(self, optimizer: Any, module: torch.nn.Module, loss: Tensor) -> None:
        """Backward, clip, step."""
        optimizer.zero_grad()
        self.manual_backward(loss)
        torch.nn.utils.clip_grad_norm_(module.parameters(), self.optim.clip_norm)
        optimizer.step()

    def validation_step(self, audio: Tensor, batch_idx: int) -> None:
        """Reconstruct from the codes alone, or from true features where only the vocoder learns."""
        o, features = self.optim, self.analyse(audio)
        decoded = self.decode(features) if "features" in o.parts else features
        losses = {"features": feature_loss(decoded, features, o.pitch_weight)}
        if "vocoder" in o.parts:
            phase = locked_phase(audio, features_to_f0(features), self.codec.sample_rate)
            losses |= self.reconstruction(decoded, audio, phase, torch.Generator().manual_seed(0))[1]
        self.log_dict({f"val/{name}": value for name, value in losses.items()}, prog_bar=True)
