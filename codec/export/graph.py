"""Graph: an ONNX graph being written. Names of values are strings, as in ONNX.

Contributed operators are those of ONNX Runtime's domain com.microsoft; pyproject.toml pins the range of its versions.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from codec.export.data import ConstantFile, WeightFile, constant_name

OPSET, IR_VERSION = 20, 10
CONTRIBUTED = "com.microsoft"
CONTRIBUTED_KINDS = {"BiasGelu", "MatMulIntegerToFloat"}
MOST_INLINE = 256  # values of a constant that is written into the graph itself
END = 2**62  # beyond every axis


class Graph:
    """Nodes, inputs and outputs, added in the order of execution.

    Args:
        weights: of the codec.
        constants: other large arrays.
    """

    def __init__(self, weights: WeightFile, constants: ConstantFile):
        self.weights, self.constants = weights, constants
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.made: dict[tuple[Any, ...], str] = {}  # nodes without a side effect, to have equal ones once

    def many(self, kind: str, inputs: Sequence[str | np.ndarray], outputs: int, **attributes: Any) -> list[str]:
        """Add a node; arrays become constants. Returns its outputs."""
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        results = [f"{kind}_{len(self.nodes)}_{number}" for number in range(outputs)]
        domain = CONTRIBUTED if kind in CONTRIBUTED_KINDS else ""
        self.nodes.append(helper.make_node(kind, names, results, domain=domain, **attributes))
        return results

    def op(self, kind: str, *inputs: str | np.ndarray, **attributes: Any) -> str:
        """Add a node with one output; arrays become constants."""
        return self.many(kind, inputs, 1, **attributes)[0]

    def once(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """`op`, or the node of the same inputs that is there already."""
        key = kind, inputs, *attributes.items()
        if key not in self.made:
            self.made[key] = self.op(kind, *inputs, **attributes)
        return self.made[key]

    def constant(self, values: np.ndarray) -> str:
        """A constant."""
        values = np.ascontiguousarray(values)
        if values.size > MOST_INLINE:
            tensor = self.constants.tensor(values)
        else:
            tensor = numpy_helper.from_array(values, constant_name(values))
        self.initializers.setdefault(tensor.name, tensor)
        return tensor.name

    def ints(self, *values: int) -> str:
        """A constant int64 [n]."""
        return self.constant(np.array(values, np.int64))

    def floats(self, *values: float) -> str:
        """A constant float32 [n]."""
        return self.constant(np.array(values, np.float32))

    def weight(self, name: str) -> str:
        """A weight of the codec in float32; the runtime casts it once, while it loads."""
        self.initializers.setdefault(name, self.weights.tensor(name))
        return self.once("Cast", name, to=onnx.TensorProto.FLOAT)

    def part(self, x: str, start: int, stop: int | str = END, axis: int = 1) -> str:
        """x[start:stop] along an axis; `stop` may be a value int64 [1]."""
        return self.op(
            "Slice", x, self.ints(start), stop if isinstance(stop, str) else self.ints(stop), self.ints(axis)
        )

    def join(self, *parts: str, axis: int = 1) -> str:
        """The parts one after the other along an axis."""
        return self.op("Concat", *parts, axis=axis)

    def size(self, x: str, axis: int) -> str:
        """Length of an axis, int64 [1]."""
        return self.op("Shape", x, start=axis, end=axis + 1)

    def input(self, name: str, dtype: type, *shape: int | str) -> str:
        """Declare an input of the graph; letters stand for sizes that may change."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, value: str, dtype: type, *shape: int | str) -> None:
        """Declare a value as an output of the graph."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def save(self, path: Path, facts: Mapping[str, str]) -> None:
        """Write the graph, with what the runtime has to know of it."""
        graph = helper.make_graph(self.nodes, path.stem, self.inputs, self.outputs, list(self.initializers.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIBUTED, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="lfsc-tts")
        helper.set_model_props(model, dict(facts))
        temporary = path.with_name(f".{path.name}.partial")
        temporary.write_bytes(model.SerializeToString(deterministic=True))
        temporary.replace(path)
