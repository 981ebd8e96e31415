"""The graph that makes voice prefixes: the mirror of model/voice_prefix.py. Always in float32.

Shapes: T frames of a recording, P digits of a frame, D width, Q queries, C channels of a speaker vector, H heads, E
channels of a head.
"""

import numpy as np

from speechllm.config import LMConfig
from speechllm.export.graph import Graph


class PrefixGraph:
    """Writes the nodes; each part of a prefix is an output, and so is what stands there when it is not known.

    Args:
        graph: to write to.
        config: of the model.
    """

    def __init__(self, graph: Graph, config: LMConfig):
        self.graph, self.config = graph, config

    def write(self) -> None:
        """All of it."""
        g, config = self.graph, self.config
        if config.speaker_dim:
            vector = g.op("Unsqueeze", g.input("vector", np.float32, [config.speaker_dim]), g.ints(0))
            scaled = g.op("Mul", vector, np.float32(config.speaker_dim**0.5))
            g.output("speaker", g.linear(scaled, "speaker.linear"), np.float32, [1, config.dim])
            g.output("no_speaker", g.weight("speaker.nobody"), np.float32, [1, config.dim])
        if config.prefix_queries:
            shape = [config.prefix_queries, config.dim]
            g.output("recording", self.recording(), np.float32, shape)
            g.output("no_recording", g.weight("prefix.nobody"), np.float32, shape)

    def recording(self) -> str:
        """The positions [Q, D] made from a recording."""
        g, config = self.graph, self.config
        values = g.input("values", np.float32, ["T", config.codes.num_digits])
        reference = g.linear(values, "prefix.input", bias=True)
        reference = g.op("Add", reference, g.input("sinusoids", np.float32, ["T", config.dim]))
        x = g.weight("prefix.queries")
        for layer in range(config.prefix_layers):
            name = f"prefix.blocks.{layer}"
            y = g.norm(x, f"{name}.self_norm")
            x = g.op("Add", x, self.attention(y, y, f"{name}.self_attention"))
            y = g.norm(x, f"{name}.cross_norm")
            x = g.op("Add", x, self.attention(y, reference, f"{name}.cross_attention"))
            x = g.op("Add", x, g.swiglu(g.norm(x, f"{name}.mlp_norm"), name))
        return g.op("Mul", g.norm(x, "prefix.norm"), g.weight("prefix.scale"))

    def attention(self, x: str, y: str, name: str) -> str:
        """Attention of [Q, D] over [T, D]."""
        g, heads = self.graph, self.config.prefix_heads
        width = self.config.dim // heads
        parts = zip(("query", "key", "value"), (x, y, y), strict=True)
        q, k, v = (g.reshape(g.linear(part, f"{name}.{kind}"), -1, heads, width) for kind, part in parts)
        q, k, v = (
            g.op("Transpose", part, perm=perm) for part, perm in ((q, [1, 0, 2]), (k, [1, 2, 0]), (v, [1, 0, 2]))
        )
        scores = g.op("Mul", g.op("MatMul", q, k), np.float32(width**-0.5))
        y = g.op("Transpose", g.op("MatMul", g.op("Softmax", scores, axis=-1), v), perm=[1, 0, 2])
        return g.linear(g.reshape(y, 0, -1), f"{name}.output")
