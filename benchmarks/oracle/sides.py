"""The sides of benchmarks/codec.py: a codec here in torch, in ONNX Runtime, and as NeMo has it.

A side is called with a task, encode or decode, a batch and frames; it keeps its `result`, codes [B, K, T] or audio
[B, N]. All have the same weights, audio and codes.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.oracle.nemo_config import nemo_config
from benchmarks.oracle.weights import make_batch, make_codes, make_weights
from benchmarks.timing.stopwatch import Measured, measure
from codec import Codec, HiFiGANCodec, HiFiGANConfig

FOLDER = Path(__file__).parent


class Worker:
    """A side in a process of its own, which answers a line of JSON with one."""

    def __init__(self, command: list[str], folder: Path):
        self.out, self.command = folder / "result.npy", command
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.read()

    def read(self) -> dict[str, Any]:
        """The next answer; other lines are chatter.

        Raises:
            ValueError: the process has ended.
        """
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise ValueError(f"a process ended; run {' '.join(self.command)} by hand to see why")

    def __call__(self, task: str, batch: int, frames: int) -> Measured:
        assert self.process.stdin is not None
        asked = {"task": task, "batch": batch, "frames": frames, "out": str(self.out)}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        measured = Measured(**self.read())
        self.result = np.load(self.out)
        return measured

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


class Nemo(Worker):
    """NeMo's codec of random weights, which it writes to `weights`."""

    def __init__(self, python: Path, codec: HiFiGANCodec, folder: Path, threads: int, device: str):
        request = {"model": nemo_config(codec.config), "seed": 0, "threads": threads, "device": device}
        (folder / "request.json").write_text(json.dumps(request))
        self.weights = folder / "model.nemo"
        super().__init__(
            [str(python), str(FOLDER / "worker.py"), str(folder / "request.json"), str(self.weights)], folder
        )


class OnnxRuntime(Worker):
    """A codec folder with its graphs, without torch."""

    def __init__(self, exported: Path, folder: Path, threads: int):
        super().__init__([sys.executable, str(FOLDER / "runtime_worker.py"), str(exported), str(threads)], folder)


class Torch:
    """A codec of this project, in this process."""

    def __init__(self, codec: Codec, device: str, dtype: torch.dtype):
        self.codec, self.device = codec.eval().to(device), device
        if isinstance(codec, HiFiGANCodec):
            codec.encoder.to(dtype)
            codec.decoder.to(dtype)

    def __call__(self, task: str, batch: int, frames: int) -> Measured:
        codec = self.codec
        if task == "encode":
            audio = torch.from_numpy(make_batch(batch, frames * codec.hop_length))[:, None].to(self.device)
            return self.measure(lambda: codec.encode(audio)[0])
        codes = make_codes(batch, codec.num_codebooks, frames, codec.codebook_size)
        on_device = torch.from_numpy(codes).to(self.device)
        return self.measure(lambda: codec.decode(on_device)[:, 0])

    def measure(self, function: Callable[[], Tensor]) -> Measured:
        """Measure, and keep the result."""
        results: list[Tensor] = []
        measured = measure(lambda: results.append(function()), self.device)
        self.result = results[0].cpu().numpy()
        return measured

    def close(self) -> None:
        """Nothing to end."""


def random_codec(config: HiFiGANConfig, seed: int = 0) -> HiFiGANCodec:
    """A codec with weights that keep signals of order 1, so that codes and audio vary."""
    codec = HiFiGANCodec(config)
    codec.add_weight_norm()
    state = codec.state_dict()
    values = make_weights({key: tuple(tensor.shape) for key, tensor in state.items()}, seed)
    for key, value in values.items():
        scale = 0.4 if "conv2" in key and key.endswith("original0") else 1.0
        state[key] = torch.from_numpy(value) * scale
    state["encoder.post.parametrizations.weight.original0"] *= 6
    state["decoder.post.parametrizations.weight.original0"] *= 0.06  # as loud as speech, and not clamped
    return HiFiGANCodec.from_weights(config, state).eval()
