"""Layers over frames that arrive in pieces: the mirror of codec/lite/convnext.py.

Shapes: B batch, T frames, D width, R = B * T rows of a linear layer. Frames are images of one row, [B, 1, T, D]: for
the convolution of such images ONNX Runtime has kernels that are fast, and that round alike for any number of frames.
"""

import numpy as np
from onnx import numpy_helper

from codec.export.graph import END, Graph

EPSILON = 1e-5  # of torch's layer norms
TIME = 2  # axis of frames
FINER = 1 / 254  # steps of a second 8-bit number, which says what half a step of the first leaves over
INT8_ZERO, INT8_MOST = 128, 127  # of 8-bit values: what stands for 0, and how far they reach from it


class Layers:
    """Writes layers by the names of their weights.

    What a layer still needs of earlier frames is an input `past.NAME` of the graph, and an output `next.NAME`.

    Args:
        graph: to write to.
        source: input of the graph, whose first axis is the batch.
        int8: compute `product` in 8 bits.
    """

    def __init__(self, graph: Graph, source: str, int8: bool = False):
        self.graph, self.int8 = graph, int8
        self.batch = graph.size(source, 0)
        self.last = graph.input("last", np.int64, 1)  # 1 with the last frames of an utterance, before that 0
        self.states: dict[
            str, tuple[int, ...]
        ] = {}  # of each `past`: shape at the start of an utterance, without the batch

    # shapes

    def rows(self, x: str, width: int) -> str:
        """[B, 1, T, D] -> [R, D]."""
        return self.graph.op("Reshape", x, self.graph.ints(-1, width))

    def frames(self, x: str, width: int) -> str:
        """Any shape -> [B, 1, T, D]."""
        graph = self.graph
        return graph.op("Reshape", x, graph.once("Concat", self.batch, graph.ints(1, -1, width), axis=0))

    # what is kept of earlier frames

    def past(self, name: str, frames: int, width: int) -> str:
        """Declare what is kept, [B, 1, n, D]; `frames` of zeros are what there is at the start."""
        self.states[name] = 1, frames, width
        return self.graph.input(f"past.{name}", np.float32, "B", 1, f"{name}.n", width)

    def keep(self, name: str, x: str) -> None:
        """Declare what is kept from now on, [B, 1, n, D]."""
        self.graph.output(f"next.{name}", x, np.float32, "B", 1, f"{name}.m", self.states[name][2])

    def window(self, name: str, x: str, width: int, reach: int) -> str:
        """Past.window: input of a layer that sees `reach` frames on each side."""
        graph = self.graph
        beyond = graph.once("Mul", self.last, graph.ints(reach))
        shape = graph.once("Concat", self.batch, graph.ints(1), beyond, graph.ints(width), axis=0)
        x = graph.join(self.past(name, reach, width), x, graph.once("ConstantOfShape", shape), axis=TIME)
        self.keep(name, graph.part(x, -2 * reach, axis=TIME))
        return x

    def delay(self, name: str, x: str, width: int, count: str) -> str:
        """Past.delay: the oldest frames of what has not come out yet; `count` int64 [1]."""
        x = self.graph.join(self.past(name, 0, width), x, axis=TIME)
        self.keep(name, self.graph.op("Slice", x, count, self.graph.ints(END), self.graph.ints(TIME)))
        return self.graph.part(x, 0, count, axis=TIME)

    def stack(self, name: str, x: str, width: int, size: int) -> str:
        """Past.stack: groups of `size` frames, as many as there are, [B, 1, n, size * D]; what is left waits."""
        graph = self.graph
        x = graph.join(self.past(name, 0, width), x, axis=TIME)
        count = graph.op("Mul", graph.op("Div", graph.size(x, TIME), graph.ints(size)), graph.ints(size))
        self.keep(name, graph.op("Slice", x, count, graph.ints(END), graph.ints(TIME)))
        return self.frames(graph.part(x, 0, count, axis=TIME), size * width)

    # layers

    def blocks(self, name: str, x: str, count: int, width: int, kernel: int, terms: int = 1) -> str:
        """Blocks: ConvNeXt blocks in a row."""
        for number in range(count):
            x = self.block(f"{name}.{number}", x, width, kernel // 2, terms)
        return x

    def block(self, name: str, x: str, width: int, reach: int, terms: int) -> str:
        """ConvNeXtBlock, [B, 1, T, D] -> as many frames as have become certain; its scale goes into `down`."""
        graph = self.graph
        x = self.window(name, x, width, reach)
        inner = self.norm(f"{name}.norm", self.depthwise(f"{name}.conv", x, width))
        hidden = self.product(f"{name}.up", self.rows(inner, width), terms, gelu=True)
        y = self.product(f"{name}.down", hidden, terms, scale=f"{name}.scale")
        return graph.op("Add", graph.part(x, reach, -reach, axis=TIME), self.frames(y, width))

    def depthwise(self, name: str, x: str, width: int) -> str:
        """Convolution of each channel over frames, [B, 1, T, D] -> [B, 1, T - 2 * reach, D]."""
        graph = self.graph
        weight = graph.op("Unsqueeze", graph.weight(f"{name}.weight"), graph.ints(2))
        image = graph.op("Transpose", x, perm=[0, 3, 1, 2])
        y = graph.op("Conv", image, weight, graph.weight(f"{name}.bias"), group=width)
        return graph.op("Transpose", y, perm=[0, 2, 3, 1])

    def norm(self, name: str, x: str) -> str:
        """Layer norm."""
        weights = self.graph.weight(f"{name}.weight"), self.graph.weight(f"{name}.bias")
        return self.graph.op("LayerNormalization", x, *weights, axis=-1, epsilon=EPSILON)

    def linear(self, name: str, x: str, order: np.ndarray | None = None, scale: str = "") -> str:
        """Linear layer in float32, [R, D] -> [R, D'].

        Args:
            name: of the layer.
            x: its input.
            order: of its outputs.
            scale: weight by which the outputs are multiplied.
        """
        graph = self.graph
        weight, bias = graph.weight(f"{name}.weight"), graph.weight(f"{name}.bias")
        if order is not None:
            weight, bias = (graph.op("Gather", values, order, axis=0) for values in (weight, bias))
        if scale:
            factors = graph.weight(scale)
            bias = graph.op("Mul", bias, factors)
            weight = graph.op("Mul", weight, graph.op("Unsqueeze", factors, graph.ints(1)))
        return graph.op("Gemm", x, weight, bias, transB=1)

    def product(
        self,
        name: str,
        x: str,
        terms: int,
        order: np.ndarray | None = None,
        scale: str = "",
        gelu: bool = False,
    ) -> str:
        """`linear`, then a GELU if wanted; where the graph is one of 8 bits, as int8_product."""
        if not self.int8:
            y = self.linear(name, x, order, scale)
            return self.graph.op("Gelu", y) if gelu else y
        weights = self.graph.weights
        weight, bias = weights.array(f"{name}.weight"), weights.array(f"{name}.bias")
        if order is not None:
            weight, bias = weight[order], bias[order]
        if scale:
            factors = weights.array(scale)
            weight, bias = weight * factors[:, None], bias * factors
        y = self.int8_product(x, weight, terms)
        return self.graph.op("BiasGelu" if gelu else "Add", y, bias)

    def int8_product(self, x: str, weight: np.ndarray, terms: int) -> str:
        """x [R, D] times the transpose of weight [D', D] -> [R, D'], in 8 bits.

        Args:
            x: rounded with one scale for each row; one for all would depend on how an utterance is cut into pieces.
            weight: rounded with one scale for each of its rows.
            terms: 8-bit numbers that stand for a value of x: the second says what the first leaves over.
        """
        graph = self.graph
        scale = (np.abs(weight).max(1) / INT8_MOST).astype(np.float32)
        scale[scale == 0] = 1.0  # a row of zeros
        values = np.rint(weight / scale[:, None]).astype(np.int8).T
        largest = graph.op("ReduceMax", graph.op("Abs", x), graph.ints(1))
        step = graph.op("Mul", largest, graph.floats(1 / INT8_MOST))  # [R, 1]; of a row of zeros it is 0, as the result
        rounded = graph.op("Concat", *self.int8_terms(x, step, terms), axis=0)
        one, zero = np.array(1, np.float32), np.array(INT8_ZERO, np.uint8)
        y = graph.op("MatMulIntegerToFloat", rounded, values, one, scale, zero)
        if terms == 2:
            y, rest = graph.many("Split", [y], 2, axis=0, num_outputs=2)
            y = graph.op("Add", y, graph.op("Mul", rest, graph.floats(FINER)))
        return graph.op("Mul", y, step)

    def int8_terms(self, x: str, step: str, terms: int) -> list[str]:
        """x [R, D] as `terms` arrays uint8 [R, D], in steps float32 [R, 1] and in FINER ones."""
        graph = self.graph
        zeros = graph.op(
            "ConstantOfShape", graph.size(x, 0), value=numpy_helper.from_array(np.array([INT8_ZERO], np.uint8))
        )
        step = graph.op("Reshape", step, graph.ints(-1))
        first = graph.op("QuantizeLinear", x, step, zeros, axis=0)
        if terms == 1:
            return [first]
        rest = graph.op("Sub", x, graph.op("DequantizeLinear", first, step, zeros, axis=0))
        return [first, graph.op("QuantizeLinear", rest, graph.op("Mul", step, graph.floats(FINER)), zeros, axis=0)]
