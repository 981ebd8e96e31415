"""The graph that decodes a lite codec: the mirror of codec/lite/networks.py and vocoder.py.

It renders what arrives in pieces, see layers.py. No layer may get fewer frames than it takes off, so the first piece
has more than decoding_context() codec frames, or is the whole utterance.

Shapes: B batch, K codebooks, T codec frames, S STFT frames, F bins, W values of a frame of features.
"""

import math

import numpy as np
import onnx

from codec.dsp.constants import MAX_HZ, MIN_HZ, NUM_BANDS
from codec.dsp.envelope import bins_from_aperiodicity, bins_from_mel
from codec.export.graph import Graph
from codec.export.layers import TIME, Layers
from codec.lite.config import CodecConfig
from codec.lite.features import ENVELOPE_MEAN, ENVELOPE_SCALE, MEAN_LOG_F0, NOISE_MEAN, num_features
from codec.lite.sharpness import sharpness_of
from codec.lite.vocoder import LOUDEST, MOST_NOISE

# 8-bit numbers for a value in products in 8 bits. Errors of features are errors of pitch and last; of the large
# activations in the decoder one number would leave too little.
FEATURE_TERMS, ENVELOPE_TERMS = 2, 1


class LiteDecoderGraph:
    """Writes the nodes: codes int64 [B, K, T] -> what codec/runtime/source_filter.py takes.

    Args:
        graph: to write to.
        config: of the codec.
        int8: compute the large products in 8 bits.
    """

    def __init__(self, graph: Graph, config: CodecConfig, int8: bool):
        self.graph, self.config = graph, config
        self.codes = graph.input("codes", np.int64, "B", config.num_codebooks, "T")
        self.layers = Layers(graph, self.codes, int8)
        self.width = num_features(config)

    @property
    def bins(self) -> np.ndarray:
        """Order of the bins in this graph, even ones first: the phase of even bins follows from odd ones alone."""
        number = np.arange(self.config.n_fft // 2 + 1)
        return np.concatenate([number[::2], number[1::2]])

    def write(self) -> None:
        """Write all of it."""
        features, envelope = self.envelope(self.sharpened(self.features(self.values())))
        log_f0 = self.log_f0(features)
        self.filters(envelope, log_f0, self.noise_share(features))
        f0 = self.graph.op("Exp", self.graph.op("Squeeze", log_f0, self.graph.ints(1, 3)))
        self.graph.output("f0", f0, np.float64, "B", "S")

    def values(self) -> str:
        """GroupedFSQ.decode: codes -> values float32 [R, K * d] in [-1, 1]."""
        graph, levels = self.graph, np.array(self.config.levels)
        bases = np.concatenate([[1], np.cumprod(levels[:-1])])
        digits = graph.op("Unsqueeze", graph.op("Transpose", self.codes, perm=[0, 2, 1]), graph.ints(3))
        digits = graph.op("Mod", graph.op("Div", digits, bases), levels)
        half = (levels // 2).astype(np.float32)
        digits = graph.op("Cast", digits, to=onnx.TensorProto.FLOAT)
        values = graph.op("Div", graph.op("Sub", digits, half), half)
        return self.layers.rows(values, self.config.num_codebooks * len(levels))

    def features(self, values: str) -> str:
        """FeatureDecoder: values -> features [B, 1, S, W]."""
        graph, layers, config = self.graph, self.layers, self.config
        (coarse, fine), (slow_kernel, fast_kernel) = config.decoder_dims, config.kernel_sizes
        slow, fast = config.decoder_blocks
        x = layers.frames(layers.linear("decoder.input", values), coarse)
        x = layers.blocks("decoder.coarse", x, slow, coarse, slow_kernel, FEATURE_TERMS)
        x = layers.frames(layers.product("decoder.up", layers.rows(x, coarse), FEATURE_TERMS), fine)
        x = layers.blocks("decoder.fine", x, fast, fine, fast_kernel, FEATURE_TERMS)
        detail = layers.linear("decoder.output", layers.rows(layers.norm("decoder.norm", x), fine))
        direct = layers.frames(layers.linear("decoder.linear", values), self.width)
        direct = layers.delay("decoder", direct, self.width, graph.size(x, TIME))
        return graph.op("Add", layers.frames(detail, self.width), direct)

    def sharpened(self, features: str) -> str:
        """Vocoder.sharpened, where the configuration says so."""
        if not self.config.vocoder_sharpness:
            return features
        graph = self.graph
        x = self.layers.window("vocoder.input", features, self.width, 1)
        now, beside = graph.part(x, 1, -1, axis=TIME), [graph.part(x, 0, -2, axis=TIME), graph.part(x, 2, axis=TIME)]
        moved = graph.op("Sub", graph.op("Add", now, now), graph.op("Add", *beside))
        return graph.op("Add", now, graph.op("Mul", sharpness_of(self.config), moved))

    def envelope(self, features: str) -> tuple[str, str]:
        """Vocoder.forward: features -> those that are certain, and their log envelope [B, 1, S, F]."""
        graph, layers, config = self.graph, self.layers, self.config
        dim, kernel = config.vocoder_dim, config.kernel_sizes[1]
        x = layers.frames(layers.linear("vocoder.input", layers.rows(features, self.width)), dim)
        x = layers.blocks("vocoder.blocks", x, config.vocoder_blocks, dim, kernel, ENVELOPE_TERMS)
        features = layers.delay("vocoder", features, self.width, graph.size(x, TIME))
        from_mel = bins_from_mel(config.sample_rate, config.n_fft, config.n_mels).numpy()[:, self.bins]
        bands = layers.rows(graph.part(features, 0, config.n_mels, axis=3), config.n_mels)
        known = graph.op("Gemm", bands, from_mel * ENVELOPE_SCALE, -ENVELOPE_MEAN * from_mel.sum(0))
        detail = layers.product(
            "vocoder.output", layers.rows(layers.norm("vocoder.norm", x), dim), ENVELOPE_TERMS, self.bins
        )
        envelope = graph.op("Min", graph.op("Add", known, detail), graph.floats(LOUDEST))
        return features, layers.frames(envelope, len(self.bins))

    def log_f0(self, features: str) -> str:
        """The log of f0 in Hz, float64 [B, 1, S, 1], as features_to_f0 has it; a phase sums up its rounding errors."""
        graph = self.graph
        pitch = graph.part(features, self.width - 2, self.width - 1, axis=3)
        pitch = graph.op("Cast", pitch, to=onnx.TensorProto.DOUBLE)
        log_f0 = graph.op("Add", graph.op("Mul", pitch, np.array([0.5])), np.array([MEAN_LOG_F0]))
        return graph.op("Clip", log_f0, *(np.array(math.log(hz)) for hz in (MIN_HZ, MAX_HZ)))

    def noise_share(self, features: str) -> str:
        """The share of noise in the amplitude of each bin, [B, 1, S, F]."""
        graph, config, end = self.graph, self.config, self.config.n_mels + NUM_BANDS
        bands = self.layers.rows(graph.part(features, config.n_mels, end, axis=3), NUM_BANDS)
        from_bands = bins_from_aperiodicity(config.sample_rate, config.n_fft).numpy()[:, self.bins]
        share = graph.op("Gemm", bands, from_bands, -NOISE_MEAN * from_bands.sum(0))
        share = graph.op("Exp", graph.op("Min", share, graph.floats(MOST_NOISE)))
        return self.layers.frames(share, len(self.bins))

    def filters(self, envelope: str, log_f0: str, noise_share: str) -> None:
        """Vocoder.filters: outputs [B, 1, S, F], magnitude and phase of the harmonic filter, magnitude of the noise."""
        graph, half = self.graph, self.graph.floats(0.5)
        periodic = graph.op("Sub", graph.floats(1), graph.op("Mul", noise_share, noise_share))  # share of the power
        amplitude = graph.op("Cast", log_f0, to=onnx.TensorProto.FLOAT)
        amplitude = graph.op("Add", amplitude, graph.floats(math.log(4 / self.config.sample_rate)))
        amplitude = graph.op("Mul", amplitude, half)  # log, of a harmonic where the density is 1
        log_harmonic = graph.op("Add", envelope, graph.op("Mul", graph.op("Log", periodic), half))
        density = graph.op("Exp", envelope)
        harmonic = graph.op("Mul", graph.op("Mul", density, graph.op("Sqrt", periodic)), graph.op("Exp", amplitude))
        noise = graph.op("Mul", density, noise_share)
        phase = self.minimum_phase(log_harmonic)  # the amplitude, equal in all bins, has no phase
        for name, value in {"harmonic": harmonic, "phase": phase, "noise": noise}.items():
            value = graph.op("Squeeze", value, graph.ints(1))
            graph.output(name, value, np.float32, "B", "S", len(self.bins))

    def minimum_phase(self, log_magnitude: str) -> str:
        """codec.dsp.envelope.minimum_phase as a product, since it is linear: a Hilbert transform."""
        graph, n_fft = self.graph, self.config.n_fft
        cepstrum = np.fft.irfft(np.eye(n_fft // 2 + 1))
        cepstrum[:, 0] = cepstrum[:, n_fft // 2 :] = 0
        matrix = 2 * np.fft.rfft(cepstrum).imag.astype(np.float32)  # even bins to odd ones, odd to even
        sizes = graph.ints(len(matrix[::2]), len(matrix[1::2]))
        even, odd = graph.many("Split", [log_magnitude, sizes], 2, axis=3)
        phases = graph.op("MatMul", odd, matrix[1::2, ::2]), graph.op("MatMul", even, matrix[::2, 1::2])
        return graph.join(*phases, axis=3)
