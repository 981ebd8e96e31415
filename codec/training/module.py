"""LitCodec: how a lite codec is trained. No architecture, no file I/O.

Shapes: B batch, N samples, S STFT frames.

Two stages in one run. Before `adversarial_from` the two halves learn side by side and by reconstruction: encoder and
decoder to code features, on whole segments, and the vocoder to sound, on short crops of true features. From then on
encoder and quantiser are frozen (so the codes stay what they are), the vocoder hears decoded features, and
discriminators teach decoder and vocoder to sound natural.
"""

from dataclasses import dataclass
from typing import Any

import lightning
import torch
from torch import Tensor

from codec.lite import extract_features
from codec.model import Codec
from codec.pitch import phase_from_f0, upsample
from codec.source import NOISE_FRAMES
from codec.training.discriminators import Discriminators
from codec.training.losses import (
    adversarial_loss,
    discriminator_loss,
    feature_loss,
    feature_matching_loss,
    mel_loss,
    stft_loss,
)


@dataclass(frozen=True)
class CodecOptim:
    """Losses and optimisers; see configs/codec/lite-21.5fps.yaml."""

    max_steps: int = 20_000
    adversarial_from: int = 8_000
    warmup_steps: int = 50
    learning_rate: float = 2e-3
    adversarial_learning_rate: float = 3e-4
    final_learning_rate: float = 0.05  # share of the learning rate left at the end of each stage
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 1e-3
    clip_norm: float = 5.0
    parts: tuple[str, ...] = ("features", "vocoder")  # what learns; they can also be trained apart, at the same time
    vocoder_items: int = 12  # segments of a batch that the vocoder is trained on
    vocoder_frames: int = 8  # codec frames of each that it hears
    vocoder_frames_adversarial: int = 12  # the same in the second stage
    n_ffts: tuple[int, ...] = (256, 512, 1024, 2048)
    feature_weight: float = 4.0
    pitch_weight: float = 4.0
    mel_weight: float = 3.0
    stft_weight: float = 1.0
    adversarial_weight: float = 0.2
    matching_weight: float = 1.0
    discriminator_n_ffts: tuple[int, ...] = (512, 1024, 2048)
    discriminator_channels: int = 16


class LitCodec(lightning.LightningModule):
    """Manual optimisation: discriminators first, then the codec, on the same batch."""

    def __init__(self, codec: Codec, optim: CodecOptim):
        super().__init__()
        self.automatic_optimization = False
        self.codec, self.optim = codec, optim
        self.discriminators = Discriminators(optim.discriminator_n_ffts, optim.discriminator_channels)
        # Lightning counts the steps of every optimiser together; the schedule needs batches.
        self.register_buffer("step", torch.tensor(0))

    @property
    def adversarial(self) -> bool:
        """Whether the second stage has begun."""
        return int(self.step) >= self.optim.adversarial_from

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """One AdamW for the codec, one for the discriminators."""
        options = dict(lr=self.optim.learning_rate, betas=self.optim.betas, weight_decay=self.optim.weight_decay)
        return [
            torch.optim.AdamW(self.codec.parameters(), **options),
            torch.optim.AdamW(self.discriminators.parameters(), **options),
        ]

    def learning_rate(self) -> float:
        """Warm-up, then linear decay, within the current stage."""
        o, step = self.optim, int(self.step)
        begin, end = (o.adversarial_from, o.max_steps) if self.adversarial else (0, min(o.adversarial_from, o.max_steps))
        peak = o.adversarial_learning_rate if self.adversarial else o.learning_rate
        progress = (step - begin) / max(end - begin, 1)
        return peak * min(1, (step - begin + 1) / o.warmup_steps) * (1 - (1 - o.final_learning_rate) * progress)

    def generate(self, audio: Tensor, features: Tensor, generator: torch.Generator) -> Tensor:
        """Features [B, S, M + 2] -> audio as in `audio` [B, N], with pulses of any phase: the codes do not know it."""
        codec, random = self.codec, dict(generator=generator, device=audio.device)
        filters = codec.vocoder(features)
        f0 = filters.f0.detach()
        phase = phase_from_f0(f0, codec.sample_rate, codec.config.stft_hop)
        phase = phase + 2 * torch.pi * torch.rand(len(audio), 1, **random)
        excitation = codec.source.excitation(phase, upsample(f0, codec.config.stft_hop))
        index = torch.randint(0, NOISE_FRAMES, f0.shape, **random)
        noise = torch.view_as_complex(codec.source.noise[index])
        harmonic, hiss = codec.source.spectra(filters, excitation, noise)
        return codec.source.audio(harmonic + hiss)

    def decode(self, features: Tensor) -> Tensor:
        """Features through the quantiser and back; in the second stage only the decoder learns."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.adversarial):
            values, _ = self.codec.quantizer(self.codec.encoder(features))
        return self.codec.decoder(values)

    def crop(self, audio: Tensor, features: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The part of a batch that the vocoder hears, the same frames of every item."""
        o, config = self.optim, self.codec.config
        frames = o.vocoder_frames_adversarial if self.adversarial else o.vocoder_frames
        spare = audio.shape[1] // config.hop_length - frames
        start = int(torch.randint(0, max(spare, 0) + 1, (), generator=generator, device=audio.device))
        samples = slice(start * config.hop_length, (start + frames) * config.hop_length)
        steps = slice(start * config.stack, (start + frames) * config.stack)
        return audio[: o.vocoder_items, samples], features[: o.vocoder_items, steps]

    def reconstruction(self, estimate: Tensor, audio: Tensor) -> dict[str, Tensor]:
        """Spectral losses, away from the ends where the overlap-add fades."""
        edge = self.codec.config.n_fft // 2
        a, b = estimate[:, edge:-edge], audio[:, edge:-edge]
        return {
            "mel": mel_loss(a, b, self.codec.sample_rate, self.optim.n_ffts),
            "stft": stft_loss(a, b, self.optim.n_ffts),
        }

    def training_step(self, audio: Tensor, batch_idx: int) -> None:
        """One update of the discriminators (second stage) and one of the codec."""
        o = self.optim
        codec_optimizer, disc_optimizer = self.optimizers()
        for optimizer in (codec_optimizer, disc_optimizer):
            optimizer.param_groups[0]["lr"] = self.learning_rate()
        # Randomness comes from the step number, so that a resumed run equals an uninterrupted one.
        generator = torch.Generator(audio.device).manual_seed(int(self.step))
        with torch.no_grad():
            features = extract_features(audio, self.codec.config)
        losses, heard, total = {}, features, torch.zeros((), device=audio.device)
        if "features" in o.parts:
            decoded = self.decode(features)
            losses["features"] = feature_loss(decoded, features, o.pitch_weight)
            total = total + o.feature_weight * losses["features"]
            heard = decoded if self.adversarial else features
        if "vocoder" in o.parts:
            audio, heard = self.crop(audio, heard, generator)
            estimate = self.generate(audio, heard, generator)
            losses |= self.reconstruction(estimate, audio)
            total = total + o.mel_weight * losses["mel"] + o.stft_weight * losses["stft"]
        if self.adversarial and "vocoder" in o.parts:
            edge = self.codec.config.n_fft // 2
            losses |= self.contest(audio[:, edge:-edge], estimate[:, edge:-edge], disc_optimizer)
            total = total + o.adversarial_weight * losses["adversarial"] + o.matching_weight * losses["matching"]
        self.update(codec_optimizer, self.codec, total)
        self.step += 1
        self.log_dict({f"train/{name}": value.detach() for name, value in losses.items()}, prog_bar=True)

    def contest(self, real: Tensor, fake: Tensor, optimizer: Any) -> dict[str, Tensor]:
        """Update the discriminators, then let them judge the codec's audio."""
        loss = discriminator_loss(self.discriminators(real), self.discriminators(fake.detach()))
        self.update(optimizer, self.discriminators, loss)
        # The judges' own gradients are not wanted when the codec learns from them.
        self.discriminators.requires_grad_(False)
        judged = self.discriminators(fake)
        with torch.no_grad():
            truth = self.discriminators(real)
        self.discriminators.requires_grad_(True)
        return {
            "discriminator": loss,
            "adversarial": adversarial_loss(judged),
            "matching": feature_matching_loss(truth, judged),
        }

    def update(self, optimizer: Any, module: torch.nn.Module, loss: Tensor) -> None:
        """Backward, clip, step."""
        optimizer.zero_grad()
        self.manual_backward(loss)
        torch.nn.utils.clip_grad_norm_(module.parameters(), self.optim.clip_norm)
        optimizer.step()

    def validation_step(self, audio: Tensor, batch_idx: int) -> None:
        """Reconstruct from the codes alone."""
        generator = torch.Generator(audio.device).manual_seed(0)
        features = extract_features(audio, self.codec.config)
        decoded = self.decode(features)
        losses = {"features": feature_loss(decoded, features, self.optim.pitch_weight)}
        losses |= self.reconstruction(self.generate(audio, decoded, generator), audio)
        self.log_dict({f"val/{name}": value for name, value in losses.items()}, prog_bar=True)
