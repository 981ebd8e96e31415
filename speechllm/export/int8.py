"""Weights of linear layers in 8 bits, in a file of their own beside the graphs that use them.

Shapes: I and O features in and out, J blocks of a row of weights.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnx import TensorProto

BLOCK = 64  # weights that share a scale
ZERO = 128  # the stored value of 0
ALIGNMENT = 64  # bytes


class Int8File:
    """A file of 8-bit weights that grows as layers are added."""

    def __init__(self, path: Path):
        self.path, self.data = path, bytearray()
        self.layers: dict[str, list[TensorProto]] = {}

    def add(self, name: str, weight: Callable[[], np.ndarray]) -> list[TensorProto]:
        """A layer's weight float32 [O, I] as MatMulNBits takes it: uint8 [O, J, BLOCK] and scales float32 [O * J]."""
        if name not in self.layers:
            values, scales = quantise(weight())
            self.layers[name] = [
                self.append(f"{name}.int8", values, TensorProto.UINT8),
                self.append(f"{name}.scales", scales, TensorProto.FLOAT),
            ]
        return self.layers[name]

    def append(self, name: str, values: np.ndarray, kind: int) -> TensorProto:
        """Add an array; returns where it lies."""
        self.data += bytes(-len(self.data) % ALIGNMENT)
        tensor = TensorProto(name=name, data_type=kind, dims=values.shape, data_location=TensorProto.EXTERNAL)
        data = values.tobytes()
        location = {"location": self.path.name, "offset": len(self.data), "length": len(data)}
        for key, value in location.items():
            tensor.external_data.add(key=key, value=str(value))
        self.data += data
        return tensor

    def save(self) -> None:
        """Write the file."""
        temporary = self.path.with_name(f".{self.path.name}.partial")
        temporary.write_bytes(self.data)
        temporary.replace(self.path)


def quantise(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight float32 [O, I] -> uint8 [O, J, BLOCK], of which ZERO is 0, and the blocks' scales float32 [O * J]."""
    outputs, inputs = weight.shape
    blocks = np.pad(weight, ((0, 0), (0, -inputs % BLOCK))).reshape(outputs, -1, BLOCK)
    scales = np.maximum(np.abs(blocks).max(-1) / 127, 1e-12).astype(np.float32)
    values = (np.rint(blocks / scales[..., None]) + ZERO).astype(np.uint8)
    return values, scales.ravel()
