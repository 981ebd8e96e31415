"""The graph of a text's prefill, for one request: the mirror of inference/prefill.py. Always in float32.

Shapes: S positions of text (a voice prefix, then tokens), Q of the prefix, D width, L layers, H heads of queries, G of
keys and values, E channels of a head.
"""

import numpy as np

from speechllm.config import LMConfig
from speechllm.export.graph import Graph
from speechllm.model.attention import rotary_table


class PrefillGraph:
    """Writes the nodes of a prefill.

    Args:
        graph: to write to.
        config: of the model.
    """

    def __init__(self, graph: Graph, config: LMConfig):
        self.graph, self.config = graph, config
        rope = config.rope_theta, config.rope_rounded, config.rope_scaling
        table = rotary_table(config.max_text, config.head_width, *rope).numpy()
        self.tables = table[:, 0], table[:, 1]

    def write(self) -> None:
        """All of it."""
        g, config = self.graph, self.config
        ids = g.input("ids", np.int64, ["s"])
        known = g.op("GreaterOrEqual", ids, g.ints(0))  # the others are HIDDEN
        x = g.op("Gather", g.weight("text_embedding.weight"), g.op("Max", ids, g.ints(0)))
        x = g.op("Mul", x, g.op("Unsqueeze", g.cast(known, np.float32), g.ints(1)))
        if config.prefix_positions:
            x = g.op("Concat", g.input("prefix", np.float32, ["Q", config.dim]), x, axis=0)
        length = g.op("Shape", x, start=0, end=1)
        positions = g.ints(0), length, g.ints(0)
        self.cos, self.sin = (
            g.op("Unsqueeze", g.op("Slice", g.constant(table), *positions), g.ints(1)) for table in self.tables
        )
        self.mask = self.causal_mask(length) if config.causal_text else ""
        if config.reader_layer:
            g.output("text", x, np.float32, ["S", config.dim])
        keys, values = [], []
        for layer in range(config.num_layers):
            if config.reader_layer and layer == config.reader_layer:
                for kind in ("keys", "values"):
                    part = g.linear(x, f"reader.{kind[:-1]}")
                    g.output(f"reader_{kind}", part, np.float32, ["S", config.dim])
            x, k, v = self.block(layer, x)
            keys.append(g.op("Unsqueeze", k, g.ints(0)))
            values.append(g.op("Unsqueeze", v, g.ints(0)))
        shape: list[int | str] = [config.num_layers, config.kv_heads, "S", config.head_width]
        g.output("keys", g.op("Concat", *keys, axis=0), np.float32, shape)
        g.output("values", g.op("Concat", *values, axis=0), np.float32, shape)

    def causal_mask(self, length: str) -> str:
        """What is added to scores [S, S]: minus infinity where a position looks ahead."""
        g = self.graph
        shape = g.op("Concat", length, length, axis=0)
        ahead = g.op("ConstantOfShape", shape, value=g.scalar(-np.inf))
        return g.op("Trilu", ahead, np.array(1, np.int64), upper=1)

    def block(self, layer: int, x: str) -> tuple[str, str, str]:
        """One transformer block on [S, D], and its keys and values [G, S, E]."""
        g, name, config = self.graph, f"blocks.{layer}", self.config
        qkv = g.linear(g.norm(x, f"{name}.attention_norm"), f"{name}.attention.qkv", config.qkv_bias)
        heads = [config.num_heads, config.kv_heads, config.kv_heads, config.num_heads * config.gated_attention]
        sizes = [count * config.head_width for count in heads if count]
        q, k, v, *gate = g.many("Split", [qkv, g.ints(*sizes)], len(sizes), axis=-1)
        q, k, v = (g.reshape(part, 0, count, config.head_width) for part, count in zip((q, k, v), heads, strict=False))
        if config.qk_norm:
            q, k = (g.norm(part, f"{name}.attention.{which}_norm") for part, which in ((q, "q"), (k, "k")))
        q, k, v = (g.op("Transpose", part, perm=[1, 0, 2]) for part in (self.rotate(q), self.rotate(k), v))
        y = self.attend(q, k, v)
        if gate:
            y = g.op("Mul", y, g.op("Sigmoid", gate[0]))
        x = g.op("Add", x, g.linear(y, f"{name}.attention.output"))
        return g.op("Add", x, g.swiglu(g.norm(x, f"{name}.mlp_norm"), name)), k, v

    def rotate(self, x: str) -> str:
        """Rotary positions of [S, H, E]; sines have the sign of their half."""
        g = self.graph
        first, second = g.many("Split", [x], 2, axis=-1, num_outputs=2)
        swapped = g.op("Concat", second, first, axis=-1)
        return g.op("Add", g.op("Mul", x, self.cos), g.op("Mul", swapped, self.sin))

    def attend(self, q: str, k: str, v: str) -> str:
        """Attention of [H, S, E] over [G, S, E], as [S, H * E]."""
        g, config = self.graph, self.config
        shared = config.num_heads // config.kv_heads
        if shared > 1:
            index = np.repeat(np.arange(config.kv_heads), shared)
            k, v = (g.op("Gather", part, index, axis=0) for part in (k, v))
        scores = g.op("MatMul", q, g.op("Transpose", k, perm=[0, 2, 1]))
        scores = g.op("Mul", scores, np.float32(config.head_width**-0.5))
        if self.mask:
            scores = g.op("Add", scores, self.mask)
        y = g.op("MatMul", g.op("Softmax", scores, axis=-1), v)
        return g.reshape(g.op("Transpose", y, perm=[1, 0, 2]), 0, -1)
