"""HiFiGANCodec: audio [B, 1, N] <-> codes [B, K, T] of the hifigan family, wiring only.

Shapes: B batch, N samples, K codebooks, T codec frames, D latent channels.

Weights are stored and run without weight normalisation; training puts it on with `add_weight_norm`. For speed at the
cost of exactness the networks can be given a lower precision, `codec.decoder.bfloat16()`; FSQ stays in float32.

Audio is coded as NeMo codes it, with the offset that a recording may have, which changes codes. Take it off before; the
analysis of the lite family does so by itself, with `highpass_hz`.
"""

import copy
from collections.abc import Sequence
from math import ceil
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from codec.fsq import GroupedFSQ
from codec.hifigan.config import HiFiGANConfig
from codec.hifigan.layers import State, pack
from codec.hifigan.networks import EDGE_KERNEL, OUTPUT_KERNEL, HiFiGANDecoder, HiFiGANEncoder
from codec.interface import check_audio
from codec.precision import exactly, has_bfloat16
from codec.streaming import WindowCodec

MIN_FRAMES = 4  # reflection by 3 frames needs 4 of them
WINDOW = 256  # frames decoded at once, so that memory does not grow with the length
NORM = "parametrizations.weight.original"  # weight norm's part of a key: 0 is the norm, 1 the direction


class HiFiGANCodec(WindowCodec):
    """Waveform encoder, quantiser, waveform decoder, built from a config."""

    config_type = HiFiGANConfig

    encoder: HiFiGANEncoder
    decoder: HiFiGANDecoder

    def __init__(self, config: HiFiGANConfig):
        super().__init__(config)
        self.encoder = HiFiGANEncoder(config)
        self.quantizer = GroupedFSQ(config.num_codebooks, config.levels)
        self.decoder = HiFiGANDecoder(config)
        before, after = receptive_field(config)
        self._history, self._context = (0, 0) if config.decoder.causal else (before, after)

    @property
    def context(self) -> int:
        """Codec frames after a frame that its audio depends on; 0 for a causal decoder."""
        return self._context

    @property
    def history(self) -> int:
        """Codec frames before a frame that are decoded again with it; a causal decoder keeps a state instead."""
        return self._history

    def encoder_weights(self) -> dict[str, Tensor]:
        """Without weight normalisation, as they are saved."""
        return fold(self.encoder.state_dict())

    # audio -> codes

    @exactly
    def encode(self, audio: Tensor, lengths: Tensor | None = None, masked: bool = False) -> tuple[Tensor, Tensor]:
        """See Codec.encode.

        A convolution sees its own reflection at an item's end, but zeros in the padding of a batch, and a changed
        order of summation may tip a value that lies between two levels. So items are encoded one by one.

        Args:
            audio: as of Codec.encode.
            lengths: as of Codec.encode.
            masked: encode the padded batch at once, zero beyond each item's end, as NeMo does; faster on a GPU, but
                codes near the end of the shorter items depend on the batch they are in.
        """
        self.check_encoder()
        lengths = check_audio(audio, lengths)
        frames = -(-lengths // self.hop_length)
        if masked:
            total = max(int(frames.max()), MIN_FRAMES)
            latents = self.latents(zero_after(audio.float(), lengths), total, frames * self.hop_length)
            codes = self.quantizer(latents[:, :, : int(frames.max())])[1]
            return zero_after(codes, frames), frames
        codes = audio.new_zeros((len(audio), self.num_codebooks, int(frames.max())), dtype=torch.long)
        for row, (length, count) in enumerate(zip(lengths.tolist(), frames.tolist(), strict=True)):
            latents = self.latents(audio[row : row + 1, :, :length].float(), max(count, MIN_FRAMES))
            codes[row, :, :count] = self.quantizer(latents[:, :, :count])[1][0]
        return codes, frames

    def encode_recordings(self, recordings: Sequence[Tensor]) -> list[Tensor]:
        """See Codec.encode_recordings. On a GPU those of as many frames are encoded at once.

        On a CPU that takes longer: one recording keeps a core busy, and several leave its caches.
        """
        if any(audio.is_cuda for audio in recordings):
            return self.encode_equals(recordings)
        return super().encode_recordings(recordings)

    def encode_equals(self, recordings: Sequence[Tensor]) -> list[Tensor]:
        """`encode_recordings`, those of as many frames at once: without padding none of them sees another."""
        groups: dict[int, list[int]] = {}
        for number, audio in enumerate(recordings):
            groups.setdefault(-(-audio.shape[1] // self.hop_length), []).append(number)
        codes: dict[int, Tensor] = {}
        for count, numbers in groups.items():
            size = count * self.hop_length
            audio = torch.stack([F.pad(recordings[n], (0, size - recordings[n].shape[1])) for n in numbers])
            codes.update(zip(numbers, self.encode(audio, masked=True)[0], strict=True))
        return [codes[number] for number in range(len(recordings))]

    def latents(self, audio: Tensor, frames: int, lengths: Tensor | None = None) -> Tensor:
        """Latents float32 [B, D, frames] of audio [B, 1, N], N <= frames * hop_length; the rest is silence."""
        audio = F.pad(audio, (0, frames * self.hop_length - audio.shape[2]))
        return self.encoder(audio, lengths)

    # codes -> audio

    @exactly
    def decode(self, codes: Tensor, frames: Tensor | None = None, masked: bool = False) -> Tensor:
        """See Codec.decode; `masked` as of `encode`."""
        self.quantizer.check(codes, frames)
        if not codes.shape[2]:
            return torch.zeros(len(codes), 1, 0, device=codes.device)
        if frames is None or bool((frames == codes.shape[2]).all()):
            if codes.shape[2] <= WINDOW:
                return self.synthesize(self.quantizer.decode(codes))
            return torch.cat(list(self.decode_chunks(codes, WINDOW)), dim=2)
        if masked or self.config.decoder.causal:  # a causal decoder cannot hear what comes after an item's end
            values = zero_after(self.quantizer.decode(codes), frames)
            lengths = None if self.config.decoder.causal else frames
            return zero_after(self.synthesize(values, lengths), frames * self.hop_length)
        audio = torch.zeros(len(codes), 1, codes.shape[2] * self.hop_length, device=codes.device)
        for row, count in enumerate(frames.tolist()):
            if count:
                audio[row, :, : count * self.hop_length] = self.decode(codes[row : row + 1, :, :count])[0]
        return audio

    def synthesize(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Audio [B, 1, T * hop_length] of values [B, D, T]; fewer frames than MIN_FRAMES repeat the last one."""
        frames = values.shape[2]
        if frames < MIN_FRAMES:
            values = F.pad(values, (0, MIN_FRAMES - frames), mode="replicate")
        return self.run_decoder(values, lengths=lengths)[:, :, : frames * self.hop_length]

    def run_decoder(self, values: Tensor, **context: Any) -> Tensor:
        """The decoder in its own precision, between float32 values and audio."""
        return self.decoder(values.to(self.decoder.post.weight.dtype), **context).float()

    def lower_precision(self) -> "HiFiGANCodec":
        """See Codec.lower_precision."""
        if not has_bfloat16(next(self.decoder.parameters())):
            return self
        lowered = copy.deepcopy(self)
        lowered.decoder.bfloat16()
        return lowered

    def init_state(self, codes: Tensor) -> State | None:
        """An empty state for a causal decoder; the others have none."""
        return {} if self.config.decoder.causal else None

    def render(self, codes: Tensor, first: int, start: int, stop: int, state: Any) -> tuple[Tensor, Any]:
        """See WindowCodec.render. A causal decoder carries its state on, the others decode the window."""
        values = self.quantizer.decode(codes)
        if state is not None:
            return self.run_decoder(values, state=state)[:, 0], state
        hop = self.hop_length
        return self.synthesize(values)[:, 0, (start - first) * hop : (stop - first) * hop], None

    # weights

    def add_weight_norm(self) -> None:
        """Train the norm and the direction of every filter apart, as HiFi-GAN does."""
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d) and not parametrize.is_parametrized(module):
                weight_norm(module)

    def saved_weights(self) -> dict[str, Tensor]:
        """Weights as they run, without weight normalisation."""
        return fold(self.state_dict())

    @classmethod
    def from_weights(cls, config: HiFiGANConfig, weights: dict[str, Tensor]) -> "HiFiGANCodec":
        """A codec with the given weights, taken over as they are; with or without weight normalisation.

        Raises:
            ValueError: weights that do not fit the configuration, with the list of them.
        """
        with torch.device("meta"):  # random weights that are replaced at once would cost seconds
            codec = cls(config)
        weights = fold({name: tensor.float() for name, tensor in weights.items()})
        refuse_misfits(codec.state_dict(), weights)
        codec.load_state_dict(weights, assign=True)
        pack(codec)
        return codec


def zero_after(x: Tensor, lengths: Tensor) -> Tensor:
    """Zero x [B, C, t] beyond the length of each item."""
    return x * (torch.arange(x.shape[2], device=x.device) < lengths.to(x.device)[:, None, None])


def fold(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Replace norm and direction of every filter by the filter: g v / |v|, the norm over all axes but the first."""
    folded = {}
    for name, tensor in weights.items():
        if name.endswith(f"{NORM}0"):
            direction = weights[name[:-1] + "1"]
            folded[name[: -len(NORM) - 1] + "weight"] = torch._weight_norm(direction, tensor, 0)
        elif not name.endswith(f"{NORM}1"):
            folded[name] = tensor
    return folded


def refuse_misfits(expected: dict[str, Tensor], given: dict[str, Tensor]) -> None:
    """Compare names and shapes of weights.

    Raises:
        ValueError: any is missing, left over or of another shape; the message lists them.
    """
    problems = [f"missing {name}" for name in expected if name not in given]
    problems += [f"unexpected {name}" for name in given if name not in expected]
    problems += [
        f"{name} is {list(given[name].shape)}, expected {list(tensor.shape)}"
        for name, tensor in expected.items()
        if name in given and given[name].shape != tensor.shape
    ]
    if problems:
        more = f", and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise ValueError(f"the weights do not fit the configuration: {'; '.join(problems[:8])}{more}")


def receptive_field(config: HiFiGANConfig) -> tuple[int, int]:
    """Codec frames before and after a frame that a symmetric decoder's audio of it depends on.

    Follows the first and the last sample of frame 0 back through the layers.
    """
    d, hop = config.decoder, config.hop_length
    kernel = max(d.kernel_sizes)
    reach = sum((kernel // 2) * (dilation + 1) for dilation in d.dilations)  # of a residual layer, steps
    low, high = -(OUTPUT_KERNEL // 2), hop - 1 + OUTPUT_KERNEL // 2
    for stride in config.strides:  # the decoder's, last first
        low, high = low - reach, high + reach
        pad = (stride + 1) // 2
        # Step n hears the inputs i with 0 <= n + pad - i * stride < 2 * stride.
        low, high = ceil((low + pad - 2 * stride + 1) / stride), (high + pad) // stride
    return EDGE_KERNEL // 2 - low, high + EDGE_KERNEL // 2
