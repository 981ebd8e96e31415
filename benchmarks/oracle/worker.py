"""NeMo's side of benchmarks/codec.py; runs in NeMo's environment (`make nemo-oracle`).

    .nemo-venv/bin/python benchmarks/oracle/worker.py REQUEST.json CODEC.nemo

It writes a codec of random weights as a .nemo file, then times what it is asked, one line of JSON for one line of JSON.
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.oracle.answer import build  # noqa: E402
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
        torch.save(results[0][0].cpu().clone(), asked["out"])  # a copy is without what NeMo attaches to its tensors
        print(json.dumps(measured._asdict()), flush=True)


def keep(function: Any, results: list[Any]) -> None:
    """Call a function and keep what it returns."""
    results.append(function())


def task(model: Any, asked: dict, device: str) -> Any:
    batch, frames = asked["batch"], asked["frames"]
    if asked["task"] == "encode":
        samples = frames * model.samples_per_frame
        audio = torch.randn(batch, samples, generator=torch.Generator().manual_seed(0)).to(device) * 0.1
        lengths = torch.full((batch,), samples, device=device)
        return lambda: model.encode(audio=audio, audio_len=lengths)
    size = model.codebook_size
    shape = batch, model.num_codebooks, frames
    codes = torch.randint(size, shape, generator=torch.Generator().manual_seed(0)).to(device)
    lengths = torch.full((batch,), frames, device=device)
    return lambda: model.decode(tokens=codes, tokens_len=lengths)


if __name__ == "__main__":
    main()
