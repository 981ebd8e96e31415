"""LitCodec: how a lite codec is trained. No architecture, no file I/O.

Shapes: B batch, N samples, S STFT frames, F bins, W values of a frame of features.

Nothing is trained on audio: features are what speech is made of, and comparing them frees the networks from what no
code can know, such as the phase of a voice and the grain of a breath. The two halves learn side by side, encoder and
decoder to code features, the vocoder to see the fine envelope behind true ones. A plain distance leaves both blurred,
and a blurred envelope sounds muffled; so from `freeze_from` on the encoder is frozen (the codes stay what they are, and
an LM can be trained on them meanwhile), discriminators score features and envelopes, and the vocoder sees decoded
features.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from codec.lite.codec import LiteCodec
from codec.lite.convnext import ConvNeXtBlock
from codec.lite.features import ENVELOPE_MEAN, ENVELOPE_SCALE, analyse
from codec.training.accumulating import Means, recompute, shares_of
from codec.training.adversarial import adversarial_loss, check_finite, discriminator_loss, rename_discriminators
from codec.training.lite.discriminators import PatchDiscriminator
from codec.training.lite.losses import (
    feature_loss,
    feature_matching_loss,
    levels,
    listening_loss,
    over_processes,
    usage_loss,
)
from codec.training.lite.optim import CodecOptim
from codec.training.lite.results import Inputs, Part, Results, Term, Whole
from codec.training.steps import CountsSteps


class LitCodec(CountsSteps, lightning.LightningModule):
    """Manual optimisation: discriminators first, then the codec, on the same batch.

    Args:
        codec, optim: what learns, and how.
        batches_per_step: parts that a batch is passed in, one after the other; the update is the same.
        checkpointing: whether inner values of the codec's blocks are computed anew on the way back.
        listener: hears sounds in codes, see listening_loss; it learns nothing and is in no checkpoint, and
            neither does the encoder learn then. None = nobody.
    """

    def __init__(
        self,
        codec: LiteCodec,
        optim: CodecOptim,
        batches_per_step: int = 1,
        checkpointing: bool = False,
        listener: torch.nn.Module | None = None,
    ):
        super().__init__()
        self.automatic_optimization = False
        self.codec, self.optim, self.batches_per_step = codec, optim, batches_per_step
        if checkpointing:
            recompute(codec, ConvNeXtBlock)
        channels = optim.discriminator_channels
        self.discriminators = torch.nn.ModuleDict(
            {name: PatchDiscriminator(channels) for name in ("features", "envelope")}
        )
        # In a tuple, so that it is no part of this module.
        self.listener = () if listener is None else (listener.eval().requires_grad_(False),)
        if self.listener:
            codec.encoder.requires_grad_(False)  # what the listener says goes through it, to the decoder
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
        """Read what save_discriminators wrote; ValueError if it is broken, RuntimeError if it is of other sizes."""
        try:
            weights = load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} does not load: {' '.join(str(error).split())[:200]}") from error
        self.discriminators.load_state_dict(weights)

    def on_fit_start(self) -> None:
        """The listener goes where the codec is."""
        for listener in self.listener:
            listener.to(self.device)

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
        progress, warmup = (step - begin) / max(end - begin, 1), max(o.warmup_steps, 1)
        return peak * min(1, (step - begin + 1) / warmup) * (1 - (1 - o.final_learning_rate) * progress)

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

    def inputs(self, batch: Tensor) -> Inputs:
        """Of audio [B, N], features [B, S, W], or pairs of features [B, 2, S, W], input and target."""
        given, wanted = batch.unbind(1) if batch.dim() == 4 else (batch, None)
        features, envelope = self.analyse(given)
        return Inputs(features, features if wanted is None else wanted, envelope)

    def targets(self, inputs: Inputs) -> dict[str, Tensor]:
        """What each part that learns should give, of order 1."""
        found = {}
        if "features" in self.optim.parts:
            found["features"] = inputs.target
        if "vocoder" in self.optim.parts:
            assert inputs.envelope is not None, "a vocoder learns from audio"
            found["envelope"] = (inputs.envelope + ENVELOPE_MEAN) / ENVELOPE_SCALE
        return found

    def results(self, inputs: Inputs) -> Results:
        """What each part that learns should give and what it gives, and latents [B, D, T]."""
        targets, vocoder_input, latents, pairs = self.targets(inputs), inputs.features, None, {}
        if "features" in targets:
            latents = self.encode(inputs.features)
            decoded = self.codec.decoder(self.codec.quantizer(latents)[0]).float()
            pairs["features"] = targets["features"], decoded
            vocoder_input = decoded if self.frozen else inputs.features
        if "envelope" in targets:
            fine = self.codec.vocoder.envelope(vocoder_input)
            pairs["envelope"] = targets["envelope"], (fine + ENVELOPE_MEAN) / ENVELOPE_SCALE
        return Results(pairs, latents)

    def distance(self, name: str, target: Tensor, estimate: Tensor) -> Term:
        """The plain loss of one part."""
        if name == "features":
            return self.optim.feature_weight, name, feature_loss(estimate, target, self.optim.pitch_weight)
        return self.optim.envelope_weight, name, (estimate - target).abs().mean()

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        """One update of the discriminators, once the encoder is frozen, and one of the codec."""
        optimizer, *others = self.optimizers()
        optimizer.param_groups[0]["lr"] = self.learning_rate()
        parts = [(share, self.inputs(batch[which])) for which, share in shares_of(len(batch), self.batches_per_step)]
        # One part is computed once for both updates. Several would all have to be kept, so they are computed again.
        kept = self.results(parts[0][1]) if len(parts) == 1 else None
        means = Means()
        if self.frozen:
            members = {
                other: discriminator
                for other, (name, discriminator) in zip(others, self.discriminators.items(), strict=True)
                if name in self.targets(parts[0][1])
            }
            self.update(members, self.discriminator_terms, parts, kept, means)
        self.discriminators.requires_grad_(False)  # their own gradients are not wanted when the codec learns from them
        whole = Whole() if kept else Whole(self.usage_of_all(parts), self.levels_of_all(parts))
        self.update({optimizer: self.codec}, partial(self.codec_terms, whole), parts, kept, means)
        self.discriminators.requires_grad_(True)
        check_finite(self.losses, self.steps)
        self.losses.clear()
        self.count_step()
        self.log_dict({f"train/{name}": value for name, value in means.values.items()}, prog_bar=True, batch_size=1)
        self.log("step", float(self.steps), batch_size=1)  # of the run, for the log, not of this part of it

    def discriminator_terms(self, number: int, share: float, results: Results) -> list[Term]:
        """What the discriminators learn from."""
        terms = []
        for name, (real, fake) in results.pairs.items():
            discriminator = self.discriminators[name]
            loss = discriminator_loss(discriminator(real), discriminator(fake.detach()))
            terms.append((1.0, f"{name}_discriminator", loss))
        return terms

    def codec_terms(self, whole: Whole, number: int, share: float, results: Results) -> list[Term]:
        """What the codec learns from a part of a step's segments, by its number and its share of them."""
        terms: list[Term] = []
        latents = results.latents
        if latents is not None and self.optim.usage_weight and not self.frozen:
            if whole.usage:
                value, gradients = whole.usage  # of the whole; here they reach the encoder, part by part
                usage = value + (gradients[number] * (latents - latents.detach())).sum() / share
            else:
                usage = usage_loss(self.codec.quantizer.squash(latents))
            terms.append((self.optim.usage_weight, "usage", usage))
        if self.frozen and self.listener and "features" in results.pairs:
            heard = listening_loss(self.codec, self.listener[0], *results.pairs["features"])
            terms.append((self.optim.listening_weight, "listening", heard))
        for name, (target, estimate) in results.pairs.items():
            terms.append(self.distance(name, target, estimate))
            if self.frozen:
                terms += self.adversarial_terms(name, target, estimate, whole.levels.get(name))
        return terms

    def adversarial_terms(self, name: str, real: Tensor, fake: Tensor, levels: list[Tensor] | None) -> list[Term]:
        """What the codec is to learn from one discriminator."""
        discriminator = self.discriminators[name]
        fake_output = discriminator(fake)
        with torch.no_grad():
            real_output = discriminator(real)
        matching = feature_matching_loss(real_output, fake_output, levels)
        return [
            (self.optim.adversarial_weight, f"{name}_adversarial", adversarial_loss(fake_output)),
            (self.optim.matching_weight, f"{name}_matching", matching),
        ]

    def usage_of_all(self, parts: Sequence[Part]) -> tuple[Tensor, Sequence[Tensor]] | None:
        """The loss of how codes are used, which is no mean over segments, and its gradients by the latents of parts."""
        if self.frozen or not self.optim.usage_weight or "features" not in self.optim.parts:
            return None
        latents = [self.encode(inputs.features).detach() for _, inputs in parts]
        joined = torch.cat(latents).requires_grad_()
        loss = usage_loss(self.codec.quantizer.squash(joined))
        (gradient,) = torch.autograd.grad(loss, joined)
        return loss.detach(), gradient.split([len(part) for part in latents])

    @torch.no_grad()
    def levels_of_all(self, parts: Sequence[Part]) -> dict[str, list[Tensor]]:
        """Mean levels of the layers of each discriminator, given what is real."""
        means = Means()
        for share, inputs in parts if self.frozen else ():
            for name, real in self.targets(inputs).items():
                means.add(share, {name: levels(self.discriminators[name](real))})
        return {name: [over_processes(level) for level in found] for name, found in means.values.items()}

    def update(
        self,
        members: Mapping[Any, torch.nn.Module],
        terms_of: Callable[[int, float, Results], list[Term]],
        parts: Sequence[Part],
        kept: Results | None,
        means: Means,
    ) -> None:
        """Backward of every part, clip, step.

        Args:
            members: what learns, by its optimiser.
            terms_of: the losses of a part.
            parts: of the step.
            kept: results of the only part, where they are known.
            means: gets the losses.
        """
        for optimizer in members:
            optimizer.zero_grad()
        for number, (share, inputs) in enumerate(parts):
            terms = terms_of(number, share, kept or self.results(inputs))
            loss = torch.stack([weight * value for weight, _, value in terms]).sum()
            self.losses.append(loss.detach())
            self.manual_backward(loss * share)
            means.add(share, {name: value for _, name, value in terms})
        for optimizer, module in members.items():
            torch.nn.utils.clip_grad_norm_(module.parameters(), self.optim.clip_norm)
            optimizer.step()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Distances on held-out speech."""
        pairs = self.results(self.inputs(batch)).pairs
        terms = [self.distance(name, *pair) for name, pair in pairs.items()]
        self.log("step", float(self.steps), batch_size=1, sync_dist=True)
        self.log_dict({f"val/{name}": value for _, name, value in terms}, prog_bar=True, sync_dist=True)
