"""The graph of a recogniser: the mirror of model/recogniser.py, for one utterance. Always in float32.

Shapes: T frames, P digits of a frame, R steps, D width, V sounds.
"""

import json
from pathlib import Path

import numpy as np

from speechllm.config import RecogniserConfig
from speechllm.export.graph import Graph, WeightFile
from speechllm.model.recogniser import FRAME_KERNEL, STEP_KERNEL
from speechllm.runtime.recogniser import GRAPH

NORM_EPS = 1e-5  # torch's


class RecogniserGraph:
    """Writes the nodes.

    Args:
        graph: to write to.
        config: of the recogniser.
    """

    def __init__(self, graph: Graph, config: RecogniserConfig):
        self.graph, self.config = graph, config

    def write(self) -> None:
        """All of it."""
        g, config = self.graph, self.config
        values = g.input("values", np.float32, ["T", config.codes.num_digits])
        x = self.convolution(values, "input", kernel=3, groups=1)
        for number in range(config.frame_blocks):
            x = self.block(x, f"frame_blocks.{number}", FRAME_KERNEL)
        x = g.reshape(g.linear(x, "up", bias=True), -1, config.dim)
        for number in range(config.step_blocks):
            x = self.block(x, f"step_blocks.{number}", STEP_KERNEL)
        scores = g.op("LogSoftmax", g.linear(x, "output", bias=True), axis=-1)
        g.output("scores", scores, np.float32, ["R", len(config.sounds) + 1])

    def convolution(self, x: str, name: str, kernel: int, groups: int) -> str:
        """Over the steps of [R, I] -> [R, D]."""
        g = self.graph
        x = g.op("Unsqueeze", g.op("Transpose", x, perm=[1, 0]), g.ints(0))
        weights = g.weight(f"{name}.weight"), g.weight(f"{name}.bias")
        x = g.op("Conv", x, *weights, kernel_shape=[kernel], pads=[kernel // 2] * 2, group=groups)
        return g.op("Transpose", g.op("Squeeze", x, g.ints(0)), perm=[1, 0])

    def block(self, x: str, name: str, kernel: int) -> str:
        """One block on [R, D]."""
        g = self.graph
        y = self.convolution(x, f"{name}.mix", kernel, self.config.dim)
        weights = g.weight(f"{name}.norm.weight"), g.weight(f"{name}.norm.bias")
        y = g.op("LayerNormalization", y, *weights, axis=-1, epsilon=NORM_EPS)
        return g.op("Add", x, g.mlp(y, f"{name}.expand", f"{name}.shrink"))


def export_recogniser(folder: Path) -> None:
    """Write the graph into a folder that Recogniser.save wrote."""
    config = RecogniserConfig.from_dict(json.loads((folder / "config.json").read_text("utf-8")))
    graph = Graph(WeightFile(folder / "model.safetensors"))
    RecogniserGraph(graph, config).write()
    graph.save(folder / GRAPH, "recogniser")
