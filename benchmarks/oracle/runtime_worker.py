"""ONNX Runtime's side of benchmarks/codec.py: a process without torch.

    python benchmarks/oracle/runtime_worker.py CODEC THREADS

CODEC is a codec folder with its graphs. It times what it is asked, one line of JSON for one line of JSON.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.oracle.weights import make_batch, make_codes  # noqa: E402
from benchmarks.timing.stopwatch import measure  # noqa: E402
from codec.runtime import RuntimeCodec, load  # noqa: E402


def main() -> None:
    codec = load(sys.argv[1], "float32", int(sys.argv[2]))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked, results = json.loads(line), []
        function = task(codec, asked)
        measured = measure(lambda: results.append(function()), "cpu")  # noqa: B023
        np.save(asked["out"], results[0])
        print(json.dumps(measured._asdict()), flush=True)


def task(codec: RuntimeCodec, asked: dict[str, Any]) -> Callable[[], np.ndarray]:
    """What is to be measured: codes [B, K, T] of audio, or audio [B, N] of codes."""
    batch, frames = asked["batch"], asked["frames"]
    if asked["task"] == "encode":
        audio = make_batch(batch, frames * codec.hop_length)[:, None]
        return lambda: codec.encode(audio)[0]
    codes = make_codes(batch, codec.num_codebooks, frames, codec.codebook_size)
    return lambda: codec.decode(codes)[:, 0]


if __name__ == "__main__":
    main()
