"""NeMo's side of benchmarks/codec.py; runs in NeMo's environment (`make nemo-oracle`).

    .nemo-venv/bin/python benchmarks/oracle/worker.py REQUEST.json CODEC.nemo

It writes a codec of random weights as a .nemo file, then times what it is asked, one line of JSON for one line of JSON.
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.oracle.answer import build  # noqa: E402
from benchmarks.oracle.weights import make_batch, make_codes  # noqa: E402
from benchmarks.timing.stopwatch import measure  # noqa: E402


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(request["threads"])
    device = request["device"]
    model = build(request)
    model.save_to(sys.argv[2])
    model = model.to(device)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        results: list[Any] = []
        measured = measure(partial(keep, task(model, asked, device), results), device)
        np.save(asked["out"], results[0][0].cpu().numpy())
        print(json.dumps(measured._asdict()), flush=True)


@torch.inference_mode()
def keep(function: Any, results: list[Any]) -> None:
    """Call a function and keep what it returns."""
    results.append(function())


def task(model: Any, asked: dict, device: str) -> Any:
    batch, frames = asked["batch"], asked["frames"]
    if asked["task"] == "encode":
        samples = frames * model.samples_per_frame
        audio = torch.from_numpy(make_batch(batch, samples)).to(device)
        lengths = torch.full((batch,), samples, device=device)
        return lambda: model.encode(audio=audio, audio_len=lengths)
    codes = torch.from_numpy(make_codes(batch, model.num_codebooks, frames, model.codebook_size)).to(device)
    lengths = torch.full((batch,), frames, device=device)
    return lambda: model.decode(tokens=codes, tokens_len=lengths)


if __name__ == "__main__":
    main()
