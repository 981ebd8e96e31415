"""The graph that encodes for a lite codec: the mirror of codec/lite/networks.py, after codec/runtime/analysis.

It encodes what arrives in pieces, see layers.py, of more frames than its convolutions take off.

Shapes: B batch, K codebooks, T codec frames, S STFT frames, D latent channels, M mel bands, A aperiodicity bands, W
values of a frame of features.
"""

import numpy as np

from codec.dsp.constants import NUM_BANDS
from codec.export.fsq import write_codes
from codec.export.graph import Graph
from codec.export.layers import TIME, Layers
from codec.lite.config import CodecConfig
from codec.lite.features import ENVELOPE_MEAN, ENVELOPE_SCALE, MEAN_LOG_F0, NOISE_MEAN, num_features


class LiteEncoderGraph:
    """Writes the nodes: what codec/runtime/analysis finds -> codes int64 [B, K, T].

    Args:
        graph: to write to.
        config: of the codec.
    """

    def __init__(self, graph: Graph, config: CodecConfig):
        self.graph, self.config, self.width = graph, config, num_features(config)
        self.bands = graph.input("bands", np.float32, "B", "S", config.n_mels)
        self.layers = Layers(graph, self.bands)

    def write(self) -> None:
        """Write all of it."""
        latents = self.graph.op("Transpose", self.latents(self.features()), perm=[0, 2, 1])
        codes = write_codes(self.graph, self.config, latents)
        self.graph.output("codes", codes, np.int64, "B", self.config.num_codebooks, "T")

    def features(self) -> str:
        """analyse_frames: scaled values [B, 1, S, W] of order 1."""
        graph = self.graph
        noise = graph.input("noise", np.float32, "B", "S", NUM_BANDS)
        f0, voicing = (graph.input(name, np.float32, "B", "S") for name in ("f0", "voicing"))
        bands = graph.op("Div", graph.op("Add", self.bands, graph.floats(ENVELOPE_MEAN)), graph.floats(ENVELOPE_SCALE))
        noise = graph.op("Add", noise, graph.floats(NOISE_MEAN))
        pitch = graph.op("Mul", graph.op("Sub", graph.op("Log", f0), graph.floats(MEAN_LOG_F0)), graph.floats(2))
        voicing = graph.op("Sub", graph.op("Mul", voicing, graph.floats(2)), graph.floats(1))
        pitch, voicing = (graph.op("Unsqueeze", value, graph.ints(2)) for value in (pitch, voicing))
        return graph.op("Unsqueeze", graph.join(bands, noise, pitch, voicing, axis=2), graph.ints(1))

    def latents(self, features: str) -> str:
        """FeatureEncoder: features -> latents float32 [B, T, D]."""
        graph, layers, config = self.graph, self.layers, self.config
        (fine, coarse), (slow_kernel, fast_kernel) = config.encoder_dims, config.kernel_sizes
        latent = config.num_codebooks * len(config.levels)
        x = layers.frames(layers.linear("encoder.input", layers.rows(features, self.width)), fine)
        x = layers.blocks("encoder.fine", x, config.encoder_blocks[0], fine, fast_kernel)
        x = layers.rows(layers.stack("fine", x, fine, config.stack), fine * config.stack)
        x = layers.frames(layers.linear("encoder.down", x), coarse)
        x = layers.blocks("encoder.coarse", x, config.encoder_blocks[1], coarse, slow_kernel)
        detail = layers.linear("encoder.output", layers.rows(layers.norm("encoder.norm", x), coarse))
        direct = layers.rows(layers.stack("features", features, self.width, config.stack), self.width * config.stack)
        direct = layers.frames(layers.linear("encoder.linear", direct), latent)
        direct = layers.delay("direct", direct, latent, graph.size(x, TIME))
        return graph.op("Squeeze", graph.op("Add", layers.frames(detail, latent), direct), graph.ints(1))
