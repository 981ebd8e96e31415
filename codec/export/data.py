"""Where the graphs' arrays lie: the codec's own safetensors file, and one beside it for what that has not.

Graphs name file, offset and length of an array, so every array is stored once.
"""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

ALIGNMENT = 64  # bytes
STORED: dict[str, np.dtype[Any]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}


def constant_name(values: np.ndarray) -> str:
    """A name that says what is in an array."""
    digest = hashlib.sha256(values.tobytes()).hexdigest()[:12]
    return f"constant_{values.dtype}_{'x'.join(map(str, values.shape))}_{digest}"


def external(name: str, array_type: int, shape: tuple[int, ...], file: Path, offset: int, length: int) -> TensorProto:
    """An array of a file in the graph's folder."""
    tensor = TensorProto(name=name, data_type=array_type, dims=shape, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": file.name, "offset": offset, "length": length}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


class WeightFile:
    """The weights that `codec.save` wrote, model.safetensors: float16 or float32.

    Raises:
        FileNotFoundError: there is no such file.
    """

    def __init__(self, path: Path):
        self.path, self.data = path, path.read_bytes()
        (length,) = struct.unpack("<Q", self.data[:8])
        self.header, self.begin = json.loads(self.data[8 : 8 + length]), 8 + length

    @property
    def names(self) -> list[str]:
        """Of the weights."""
        return [name for name in self.header if name != "__metadata__"]

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.data).hexdigest()

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a weight."""
        return tuple(self.header[name]["shape"])

    def tensor(self, name: str) -> TensorProto:
        """A weight as the graphs refer to it."""
        entry = self.header[name]
        start, stop = entry["data_offsets"]
        kind = helper.np_dtype_to_tensor_dtype(STORED[entry["dtype"]])
        return external(name, kind, entry["shape"], self.path, self.begin + start, stop - start)

    def array(self, name: str) -> np.ndarray:
        """A weight, float32."""
        entry = self.header[name]
        start, stop = (self.begin + offset for offset in entry["data_offsets"])
        values = np.frombuffer(self.data[start:stop], STORED[entry["dtype"]]).astype(np.float32)
        return values.reshape(entry["shape"])


class ConstantFile:
    """Arrays that follow from the weights or the configuration; equal ones are kept once."""

    def __init__(self, path: Path):
        self.path, self.data = path, bytearray()
        self.tensors: dict[str, TensorProto] = {}

    def tensor(self, values: np.ndarray) -> TensorProto:
        """An array as the graphs refer to it."""
        name, data = constant_name(values), values.tobytes()
        if name not in self.tensors:
            kind = helper.np_dtype_to_tensor_dtype(values.dtype)
            self.data += bytes(-len(self.data) % ALIGNMENT)
            self.tensors[name] = external(name, kind, values.shape, self.path, len(self.data), len(data))
            self.data += data
        return self.tensors[name]

    def save(self) -> None:
        """Write the file, if there is anything to keep."""
        if not self.data:
            return
        temporary = self.path.with_name(f".{self.path.name}.partial")
        temporary.write_bytes(self.data)
        temporary.replace(self.path)
