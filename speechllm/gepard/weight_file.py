"""A safetensors file whose tensors are taken one at a time: read into memory, or left in the file."""

import json
import math
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from speechllm.model.finite import refuse_not_finite

CHECKED_BYTES = 2**22  # looked at at once
DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}


class WeightFile:
    """The tensors of a file, in half or single precision.

    Raises:
        ValueError: not a sound safetensors file, or tensors of another type.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            with safe_open(path, "pt") as file:  # checks the header: its size, that tensors fill the file and fit it
                slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
                self.shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
                kinds = {name: part.get_dtype() for name, part in slices.items()}
        except (SafetensorError, OSError) as error:
            raise ValueError(
                f"{path} is not a readable safetensors file: {' '.join(str(error).split())[:200]}"
            ) from None
        if wrong := sorted({kind for kind in kinds.values() if kind not in DTYPES}):
            raise ValueError(f"{path} holds tensors of type {', '.join(wrong)}; expected {', '.join(DTYPES)}")
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        self.types = {name: DTYPES[kind] for name, kind in kinds.items()}
        self.starts = {name: 8 + size + header[name]["data_offsets"][0] for name in self.shapes}

    def view(self, name: str) -> Tensor:
        """A tensor that stays in the file: the system reads those parts of it that are looked at.

        Raises:
            ValueError: it is not finite.
        """
        size, start = self.types[name].itemsize, self.starts[name]
        if start % size:  # a file that does not align its tensors
            return self.read(name)
        self.check_left(name)
        whole = torch.from_file(str(self.path), shared=False, size=self.path.stat().st_size, dtype=torch.uint8)
        return whole[start : start + size * math.prod(self.shapes[name])].view(self.types[name]).view(self.shapes[name])

    def read(self, name: str) -> Tensor:
        """A tensor in memory. The file is read and not mapped, so that its pages do not count twice.

        Raises:
            ValueError: it is not finite.
        """
        tensor = torch.empty(self.shapes[name], dtype=self.types[name])
        with self.path.open("rb") as file:
            file.seek(self.starts[name])
            count = file.readinto(tensor.view(-1).view(torch.uint8).numpy().data) if tensor.numel() else 0
        if count != math.prod(self.shapes[name]) * tensor.element_size():
            raise ValueError(f"{self.path} has changed while it was read: {name} is cut short")
        refuse_not_finite({name: tensor}, self.path)
        return tensor

    def check_left(self, name: str) -> None:
        """Refuse a tensor that stays in the file unless it is finite, in pieces that memory does not keep."""
        left = math.prod(self.shapes[name]) * self.types[name].itemsize
        with self.path.open("rb") as file:
            file.seek(self.starts[name])
            while left:
                piece = bytearray(file.read(min(left, CHECKED_BYTES)))
                if not piece:
                    raise ValueError(f"{self.path} has changed while it was read: {name} is cut short")
                refuse_not_finite({name: torch.frombuffer(piece, dtype=self.types[name])}, self.path)
                left -= len(piece)
