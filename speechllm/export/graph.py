"""Graph: an ONNX graph being written, whose weights stay in the model's safetensors file.

Names of values are strings, as in ONNX. Contributed operators are those of ONNX Runtime's domain com.microsoft; the
range of its versions is pinned in pyproject.toml.
"""

import hashlib
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from speechllm.export.int8 import BLOCK, Int8File
from speechllm.runtime.lm import digest

OPSET, IR_VERSION = 21, 10
CONTRIBUTED = "com.microsoft"
CONTRIBUTED_KINDS = {"GroupQueryAttention", "MatMulNBits", "QuickGelu", "SkipSimplifiedLayerNormalization"}
EPS = 1e-6  # of the norms
STORED = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT, "BF16": TensorProto.BFLOAT16}
TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}
TYPES |= {np.dtype(np.int32): TensorProto.INT32, np.dtype(bool): TensorProto.BOOL}


class WeightFile:
    """Where each tensor lies in a safetensors file."""

    def __init__(self, path: Path):
        self.path = path
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            self.header = json.loads(file.read(length))
        self.begin = 8 + length

    def external(self, name: str) -> TensorProto:
        """A tensor as external data of a graph in the same folder."""
        entry = self.header[name]
        start, stop = entry["data_offsets"]
        tensor = TensorProto(name=name, data_type=STORED[entry["dtype"]], dims=entry["shape"])
        tensor.data_location = TensorProto.EXTERNAL
        location = {"location": self.path.name, "offset": self.begin + start, "length": stop - start}
        for key, value in location.items():
            tensor.external_data.add(key=key, value=str(value))
        return tensor

    def array(self, name: str) -> np.ndarray:
        """A tensor, float32."""
        entry = self.header[name]
        start, stop = entry["data_offsets"]
        with self.path.open("rb") as file:
            file.seek(self.begin + start)
            data = file.read(stop - start)
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
        else:
            values = np.frombuffer(data, {"F16": "<f2", "F32": "<f4"}[entry["dtype"]]).astype(np.float32)
        return values.reshape(entry["shape"])


class Graph:
    """Nodes, inputs and outputs, added in the order of execution.

    Args:
        weights: the trained ones.
        int8: where linear layers in 8 bits keep theirs; None = linear layers are float32.
    """

    def __init__(self, weights: WeightFile, int8: Int8File | None = None, eps: float = EPS):
        self.weights, self.int8, self.eps = weights, int8, eps
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.initializers: dict[str, TensorProto] = {}
        self.made: dict[str, str] = {}  # weights as float32, by name
        self.count = 0

    def many(self, kind: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs."""
        self.count += 1
        names = [f"{kind}_{self.count}_{i}" for i in range(outputs)]
        domain = CONTRIBUTED if kind in CONTRIBUTED_KINDS else ""
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names

    def op(self, kind: str, *inputs: str | np.ndarray, **attributes: Any) -> str:
        """Add a node with one output; arrays become constants."""
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        return self.many(kind, names, 1, **attributes)[0]

    def constant(self, value: np.ndarray) -> str:
        """A constant; equal ones are kept once."""
        value = np.ascontiguousarray(value)
        shape = "x".join(map(str, value.shape))
        name = f"constant_{value.dtype}_{shape}_{hashlib.sha256(value.tobytes()).hexdigest()[:12]}"
        self.initializers.setdefault(name, numpy_helper.from_array(value, name))
        return name

    def ints(self, *values: int) -> str:
        """A constant int64 [n]."""
        return self.constant(np.array(values, np.int64))

    def reshape(self, x: str, *shape: int) -> str:
        """As numpy's, but that 0 keeps an axis."""
        return self.op("Reshape", x, self.ints(*shape))

    def part(self, x: str, start: int, stop: int, axis: int = -1) -> str:
        """x[start:stop] along an axis."""
        return self.op("Slice", x, self.ints(start), self.ints(stop), self.ints(axis))

    def cast(self, x: str, dtype: type) -> str:
        """x as another type."""
        return self.op("Cast", x, to=TYPES[np.dtype(dtype)])

    def input(self, name: str, dtype: type, shape: Sequence[int | str]) -> str:
        """Declare an input of the graph; letters stand for sizes that may change."""
        self.inputs.append(helper.make_tensor_value_info(name, TYPES[np.dtype(dtype)], shape))
        return name

    def output(self, name: str, value: str, dtype: type, shape: Sequence[int | str]) -> None:
        """Declare a value as an output of the graph."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, TYPES[np.dtype(dtype)], shape))

    def rename(self, value: str, name: str, dtype: type, shape: Sequence[int | str]) -> None:
        """Declare the output of the last node as one of the graph, under another name and without a copy."""
        outputs = self.nodes[-1].output
        outputs[list(outputs).index(value)] = name
        self.outputs.append(helper.make_tensor_value_info(name, TYPES[np.dtype(dtype)], shape))

    @staticmethod
    def scalar(value: float) -> TensorProto:
        """An attribute that is a float32 [1]."""
        return numpy_helper.from_array(np.array([value], np.float32))

    # layers of the model, by the names of their weights

    def weight(self, name: str, transposed: bool = False) -> str:
        """A trained tensor in float32; the runtime does this once, while it loads."""
        key = f"{name}{'.T' * transposed}"
        if key not in self.made:
            self.initializers.setdefault(name, self.weights.external(name))
            value = self.cast(name, np.float32)
            self.made[key] = self.op("Transpose", value, perm=[1, 0]) if transposed else value
        return self.made[key]

    def linear(self, x: str, name: str, bias: bool = False) -> str:
        """A linear layer of [..., I] -> [..., O], in 8 bits where the graph is."""
        if self.int8 is None:
            y = self.op("MatMul", x, self.weight(f"{name}.weight", transposed=True))
        else:
            outputs, inputs = self.weights.header[f"{name}.weight"]["shape"]
            factors = self.int8.add(name, lambda: self.weights.array(f"{name}.weight"))
            for tensor in factors:
                self.initializers.setdefault(tensor.name, tensor)
            # accuracy_level 4: the rows are rounded to 8 bits too, block by block.
            shape = dict(K=inputs, N=outputs, bits=8, block_size=BLOCK, accuracy_level=4)
            (y,) = self.many("MatMulNBits", [x, *(tensor.name for tensor in factors)], 1, **shape)
        return self.op("Add", y, self.weight(f"{name}.bias")) if bias else y

    def norm(self, x: str, name: str) -> str:
        """RMS norm of [..., D]."""
        return self.op("SimplifiedLayerNormalization", x, self.weight(f"{name}.weight"), axis=-1, epsilon=self.eps)

    def add_norm(self, x: str, y: str, name: str) -> tuple[str, str]:
        """RMS norm of x + y, and x + y."""
        inputs = [x, y, self.weight(f"{name}.weight")]
        normed, _, _, total = self.many("SkipSimplifiedLayerNormalization", inputs, 4, epsilon=self.eps)
        return normed, total

    def mlp(self, x: str, first: str, second: str) -> str:
        """Linear, GELU, linear."""
        return self.linear(self.op("Gelu", self.linear(x, first, bias=True)), second, bias=True)

    def swiglu(self, x: str, name: str) -> str:
        """The MLP of a block."""
        gate, up = self.many("Split", [self.linear(x, f"{name}.gate_up")], 2, axis=-1, num_outputs=2)
        return self.linear(self.op("Mul", self.op("QuickGelu", gate, alpha=1.0), up), f"{name}.down")

    def save(self, path: Path, name: str) -> None:
        """Write the graph."""
        for node in self.nodes:  # what nobody asks for is not computed
            if node.op_type == "SkipSimplifiedLayerNormalization":
                node.output[1] = node.output[2] = ""
        initializers = list(self.initializers.values())
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, initializers)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIBUTED, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="lfsc-tts")
        model.metadata_props.add(key="weights", value=digest(self.weights.path))
        temporary = path.with_name(f".{path.name}.partial")
        temporary.write_bytes(model.SerializeToString(deterministic=True))
        temporary.replace(path)
