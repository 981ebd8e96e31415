"""The lite codec's networks: features -> latents, values -> features, features -> filters.

Shapes: B batch, N samples, T codec frames, S = T * stack STFT frames, F bins, D width. Inside the
networks everything is channels-last, [B, frames, D].

A frame of *features* is the spectral envelope in M mel bands, aperiodicity in A bands, log f0 and voicing: W values
in all. The quantiser codes features, and a vocoder turns them into the filters of a source-filter model
(codec/lite/source_filter.py). Splitting the work there lets both halves learn side by side: the vocoder need not wait for a good
quantiser, nor the quantiser for a good vocoder.

Source: ConvNeXt blocks on frames as in Vocos (arXiv 2306.00814); quantised mel features as in the spectral codec
(arXiv 2406.05298).
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codec.dsp.envelope import (
    NUM_BANDS,
    aperiodicity,
    bins_from_aperiodicity,
    bins_from_mel,
    log_envelope,
    minimum_phase,
    to_bands,
)
from codec.dsp.pitch import MAX_HZ, MIN_HZ, track_pitch
from codec.lite.config import CodecConfig

MEAN_LOG_F0 = math.log(180.0)  # between a low and a high voice, Hz
ENVELOPE_MEAN, ENVELOPE_SCALE = 6.0, 2.5  # nats, of log amplitude density
NOISE_MEAN = 1.0  # nats


class Filters(NamedTuple):
    """What the vocoder says about each STFT frame."""

    f0: Tensor  # Hz, float64 [B, S]
    harmonic: Tensor  # natural log magnitude of the harmonic filter [B, S, F]
    phase: Tensor  # phase of the harmonic filter, radians [B, S, F]
    noise: Tensor  # natural log magnitude of the noise filter [B, S, F]


CACHED = 2**16  # values that the fastest cache holds
ROWS = 32  # of products in bfloat16, a multiple


class Past(dict[nn.Module, Tensor]):
    """What networks over frames still need of an utterance that arrives in pieces, all [B, frames, D].

    Frames come out once everything they depend on is there: a piece goes in, and as many frames come out as have become
    certain. With an empty past, one piece that is also the last is the whole utterance.
    """

    def window(self, layer: nn.Module, x: Tensor, reach: int, last: bool) -> Tensor:
        """Input of a layer that sees `reach` frames on each side; gives 2 * reach frames less than it gets.

        Beyond both ends of the utterance lie zeros.
        """
        zeros = x.new_zeros(x.shape[0], reach, x.shape[2])
        x = torch.cat([self.get(layer, zeros), x, zeros[:, : reach * last]], dim=1)
        self[layer] = x[:, max(x.shape[1] - 2 * reach, 0) :]
        return x

    def wait(self, layer: nn.Module, x: Tensor, count: int) -> Tensor:
        """The oldest `count` frames of what went in here and has not come out yet."""
        x = torch.cat([self[layer], x], dim=1) if layer in self else x
        self[layer] = x[:, count:]
        return x[:, :count]


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over frames, then a two-layer MLP, on a residual path. [B, T, D] -> [B, T, D]."""

    def __init__(self, dim: int, kernel_size: int, expansion: int):
        super().__init__()
        self.reach = kernel_size // 2
        self.conv = nn.Conv1d(dim, dim, kernel_size, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, dim * expansion)
        self.down = nn.Linear(dim * expansion, dim)
        self.scale = nn.Parameter(torch.full((dim,), 0.1))
        self.packed: tuple[Tensor, Tensor, Tensor, Tensor] | None = None

    @torch.no_grad()
    def pack(self) -> None:
        """Compute the MLP in bfloat16 from now on, on a CPU and without gradients."""
        layers, reorder = (self.up, self.down), torch.ops.mkldnn._reorder_linear_weight
        up, down = (reorder(layer.weight.bfloat16(), 4 * ROWS) for layer in layers)
        up_bias, down_bias = (layer.bias.bfloat16() for layer in layers)
        self.packed = up, up_bias, down, down_bias

    def mlp(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, D]."""
        if self.packed is None or torch.is_grad_enabled():
            return self.down(F.gelu(self.up(x)))
        up, up_bias, down, down_bias = self.packed
        rows = x.flatten(0, 1).bfloat16()
        # oneDNN makes a kernel for every number of rows it meets, which takes longer than using it: let it meet few.
        padded = F.pad(rows, (0, 0, 0, -len(rows) % ROWS))
        y = torch.ops.mkldnn._linear_pointwise(padded, up, up_bias, "gelu", [], "none")
        y = torch.ops.mkldnn._linear_pointwise(y, down, down_bias, "none", [], "")
        return y[: len(rows)].float().view(x.shape)

    def forward(self, x: Tensor, past: Past, last: bool) -> Tensor:
        x = past.window(self, x, self.reach, last)
        if x.shape[1] <= 2 * self.reach:
            return x[:, :0]
        inner = x[:, self.reach : x.shape[1] - self.reach]
        return torch.addcmul(inner, self.scale, self.mlp(self.norm(self.depthwise(x))))

    def depthwise(self, x: Tensor) -> Tensor:
        """The convolution over frames, [B, T + 2 * reach, D] -> [B, T, D]."""
        if torch.is_grad_enabled() or not x.is_cpu:
            return self.conv(x.transpose(1, 2)).transpose(1, 2)
        # Tap by tap, on as many items as stay in the cache: half the time of the kernel, which wants channels first.
        (first, *others), count = self.conv.weight[:, 0].t(), x.shape[1] - 2 * self.reach
        y, bias = x.new_empty(len(x), count, x.shape[2]), self.conv.bias
        assert bias is not None
        items = max(1, CACHED // (count * x.shape[2]))
        for source, target in zip(x.split(items), y.split(items), strict=True):
            torch.addcmul(bias, source[:, :count], first, out=target)
            for number, tap in enumerate(others, 1):
                target.addcmul_(source[:, number : number + count], tap)
        return y


class Blocks(nn.Sequential):
    """ConvNeXt blocks in a row."""

    def __init__(self, count: int, dim: int, kernel_size: int, expansion: int):
        super().__init__(*(ConvNeXtBlock(dim, kernel_size, expansion) for _ in range(count)))

    def forward(self, x: Tensor, past: Past | None = None, last: bool = True) -> Tensor:
        """Frames [B, T, D] -> those that are certain; without a past, the whole utterance."""
        past = Past() if past is None else past
        for block in self:
            x = block(x, past, last)
        return x


def num_features(config: CodecConfig) -> int:
    """W, values of one frame of features."""
    return config.n_mels + NUM_BANDS + 2


def analyse(audio: Tensor, config: CodecConfig) -> tuple[Tensor, Tensor]:
    """Audio float32 [B, N], N a multiple of the hop -> features [B, S, W] of order 1, log envelope [B, S, F]."""
    rate, n_fft, hop = config.sample_rate, config.n_fft, config.stft_hop
    f0, voicing = track_pitch(audio, rate, hop)
    envelope = log_envelope(audio, f0, rate, n_fft, hop)
    bands = to_bands(envelope, rate, n_fft, config.n_mels)
    noise, f0 = aperiodicity(audio, f0, voicing, envelope, rate, hop)
    pitch = torch.stack([(f0.log() - MEAN_LOG_F0) * 2, voicing * 2 - 1], dim=-1)
    features = torch.cat([(bands + ENVELOPE_MEAN) / ENVELOPE_SCALE, noise + NOISE_MEAN, pitch], dim=-1)
    return features, envelope


def extract_features(audio: Tensor, config: CodecConfig) -> Tensor:
    """Audio float32 [B, N], N a multiple of the hop -> features [B, S, W]."""
    return analyse(audio, config)[0]


def features_to_f0(features: Tensor) -> Tensor:
    """The f0 float64 [B, S] in Hz that features [B, S, W] stand for; a phase sums up its rounding errors."""
    log_f0 = features[..., -2].double() / 2 + MEAN_LOG_F0
    return log_f0.clamp(math.log(MIN_HZ), math.log(MAX_HZ)).exp()


class FeatureEncoder(nn.Module):
    """Features [B, S, W] -> latents [B, D, T]."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        (fine, coarse), (slow_kernel, fast_kernel) = config.encoder_dims, config.kernel_sizes
        self.stack, latent = config.stack, config.num_codebooks * len(config.levels)
        self.input = nn.Linear(num_features(config), fine)
        self.fine = Blocks(config.encoder_blocks[0], fine, fast_kernel, config.expansion)
        self.down = nn.Linear(fine * config.stack, coarse)
        self.coarse = Blocks(config.encoder_blocks[1], coarse, slow_kernel, config.expansion)
        self.norm = nn.LayerNorm(coarse)
        self.output = nn.Linear(coarse, latent)
        nn.init.normal_(self.output.weight, std=0.01)
        # A linear path beside the network: training starts from the best linear code, not from nothing.
        self.linear = nn.Linear((num_features(config)) * config.stack, latent)

    def forward(self, features: Tensor) -> Tensor:
        x = self.fine(self.input(features))
        x = self.down(x.unflatten(1, (-1, self.stack)).flatten(2))  # [B, T, coarse]
        frames = features.unflatten(1, (-1, self.stack)).flatten(2)  # [B, T, stack * W]
        return (self.output(self.norm(self.coarse(x))) + self.linear(frames)).transpose(1, 2)


class FeatureDecoder(nn.Module):
    """Quantised values [B, D, T] in [-1, 1] -> features [B, S, W]."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        (coarse, fine), (slow_kernel, fast_kernel) = config.decoder_dims, config.kernel_sizes
        self.stack, latent = config.stack, config.num_codebooks * len(config.levels)
        self.input = nn.Linear(latent, coarse)
        self.coarse = Blocks(config.decoder_blocks[0], coarse, slow_kernel, config.expansion)
        self.up = nn.Linear(coarse, fine * config.stack)
        self.fine = Blocks(config.decoder_blocks[1], fine, fast_kernel, config.expansion)
        self.norm = nn.LayerNorm(fine)
        self.output = nn.Linear(fine, num_features(config))
        nn.init.normal_(self.output.weight, std=0.01)
        self.linear = nn.Linear(latent, (num_features(config)) * config.stack)

    def forward(self, values: Tensor, past: Past | None = None, last: bool = True) -> Tensor:
        """Values -> the features that are certain; without a past, those of the whole utterance."""
        past = Past() if past is None else past
        values = values.transpose(1, 2)
        x = self.up(self.coarse(self.input(values), past, last))
        x = self.fine(x.unflatten(2, (self.stack, -1)).flatten(1, 2), past, last)  # [B, S, fine]
        direct = self.linear(values).unflatten(2, (self.stack, -1)).flatten(1, 2)  # [B, S, W]
        return self.output(self.norm(x)) + past.wait(self, direct, x.shape[1])


class Vocoder(nn.Module):
    """Features [B, S, W] -> filters: the envelope that features say, refined by a network, and its minimum phase."""

    from_mel: Tensor
    from_bands: Tensor

    def __init__(self, config: CodecConfig):
        super().__init__()
        dim, self.n_mels = config.vocoder_dim, config.n_mels
        self.sample_rate, self.n_fft = config.sample_rate, config.n_fft
        self.input = nn.Linear(num_features(config), dim)
        self.blocks = Blocks(config.vocoder_blocks, dim, config.kernel_sizes[1], config.expansion)
        self.norm = nn.LayerNorm(dim)
        self.output = nn.Linear(dim, config.n_fft // 2 + 1)
        nn.init.normal_(self.output.weight, std=1e-3)
        nn.init.zeros_(self.output.bias)
        for name, matrix in (
            ("from_mel", bins_from_mel(config.sample_rate, config.n_fft, config.n_mels)),
            ("from_bands", bins_from_aperiodicity(config.sample_rate, config.n_fft)),
        ):
            self.register_buffer(name, matrix, persistent=False)

    def envelope(self, features: Tensor) -> Tensor:
        """Log amplitude density float32 [B, S, F] of a whole utterance."""
        return self.detailed(features, self.blocks(self.input(features)))

    def detailed(self, features: Tensor, x: Tensor) -> Tensor:
        """The bands of the features interpolated, and the detail they do not show, from x [B, S, D]."""
        detail = self.output(self.norm(x)).float()
        with torch.autocast(features.device.type, enabled=False):
            bands = features[..., : self.n_mels].float() * ENVELOPE_SCALE - ENVELOPE_MEAN
            return bands @ self.from_mel + detail

    def forward(self, features: Tensor, past: Past | None = None, last: bool = True) -> Filters:
        """Features -> the filters that are certain; without a past, those of the whole utterance."""
        past = Past() if past is None else past
        x = self.blocks(self.input(features), past, last)
        features = past.wait(self, features, x.shape[1])
        envelope, f0 = self.detailed(features, x).clamp(max=6), features_to_f0(features)
        noise = (features[..., self.n_mels : self.n_mels + NUM_BANDS] - NOISE_MEAN) @ self.from_bands
        noise = noise.clamp(max=-1e-3)
        tonal = torch.log1p(-torch.exp(2 * noise)) / 2
        amplitude = torch.log(4 * f0 / self.sample_rate).float()[..., None] / 2  # of a harmonic, where the density is 1
        harmonic = envelope + tonal + amplitude
        return Filters(f0, harmonic, minimum_phase(harmonic, self.n_fft), envelope + noise)


def decoding_context(config: CodecConfig) -> int:
    """Codec frames on each side that one frame's filters depend on, from the kernels between codes and filters."""
    slow, fast = (k // 2 for k in config.kernel_sizes)
    fine_reach = (config.decoder_blocks[1] + config.vocoder_blocks) * fast
    return config.decoder_blocks[0] * slow + math.ceil(fine_reach / config.stack)
