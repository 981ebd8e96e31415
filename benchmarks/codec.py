"""Speed of a codec: real-time factor of encoding and decoding, and peak memory, beside NeMo's modules.

    python benchmarks/codec.py --config configs/codec/lfsc.yaml --nemo .nemo-venv/bin/python --out runs/speed-lfsc.json

Both sides have the same random weights and take turns, round by round, so that what else the machine does meets both.
The first call of each is not counted, but its results are compared; a figure is the median over the rounds. Without
--nemo ours runs alone. --dtype bfloat16 shows what lower precision of the networks gains, and what it costs.
Real-time factor = compute time / audio time, of the whole batch; lower is better. Memory is that of the process on a
CPU, weights included, and that of torch's allocations on a GPU.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.oracle.nemo_config import nemo_config  # noqa: E402
from benchmarks.report.environment import environment  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.timing.stopwatch import Measured, measure  # noqa: E402
from codec import Codec, HiFiGANCodec  # noqa: E402
from codec import from_config as codec_from_config  # noqa: E402
from codec import load as load_codec  # noqa: E402
from pipelines.shared.atomic import write_atomically  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402

HEAD = ("task", "batch", "side", "RTF (min..max)", "CPU s per s", "peak MiB", "speed-up")


class Nemo:
    """NeMo in its own process."""

    def __init__(self, python: Path, codec: Codec, folder: Path, threads: int, device: str):
        request = {"model": nemo_config(codec.config), "seed": 0, "threads": threads, "device": device}
        (folder / "request.json").write_text(json.dumps(request))
        self.weights, self.out = folder / "model.nemo", folder / "results.pt"
        command = [str(python), str(Path(__file__).parent / "oracle/worker.py"), str(folder / "request.json")]
        self.process = subprocess.Popen(
            [*command, str(self.weights)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.read()

    def read(self) -> dict[str, Any]:
        """The next answer; other lines are NeMo's chatter."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise UserError("NeMo's process ended; run benchmarks/oracle/worker.py by hand to see why")

    def __call__(self, task: str, batch: int, frames: int) -> Measured:
        assert self.process.stdin is not None
        asked = {"task": task, "batch": batch, "frames": frames, "out": str(self.out)}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        measured = Measured(**self.read())
        self.result = torch.load(self.out, map_location="cpu", weights_only=True)
        return measured

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


class Ours:
    """A codec of this project, in this process."""

    def __init__(self, codec: Codec, device: str, dtype: torch.dtype):
        self.codec, self.device = codec.eval().to(device), device
        if isinstance(codec, HiFiGANCodec):
            codec.encoder.to(dtype)
            codec.decoder.to(dtype)

    def __call__(self, task: str, batch: int, frames: int) -> Measured:
        codec, generator = self.codec, torch.Generator().manual_seed(0)
        if task == "encode":
            audio = torch.randn(batch, 1, frames * codec.hop_length, generator=generator).to(self.device) * 0.1
            return self.measure(lambda: codec.encode(audio)[0])
        codes = torch.randint(codec.codebook_size, (batch, codec.num_codebooks, frames), generator=generator)
        codes = codes.to(self.device)
        return self.measure(lambda: codec.decode(codes)[:, 0])

    def measure(self, function: Callable[[], Tensor]) -> Measured:
        """Measure, and keep the result."""
        results: list[Tensor] = []
        measured = measure(lambda: results.append(function()), self.device)
        self.result = results[0].cpu()
        return measured


def agreement(task: str, ours: Tensor, theirs: Tensor) -> str:
    """How alike the results of both sides are."""
    if task == "encode":
        return f"{(ours == theirs).float().mean():.4%} of codes equal"
    error = (ours - theirs).double()
    ratio = 10 * torch.log10(theirs.double().square().mean() / error.square().mean().clamp(min=1e-30))
    return f"audio differs by at most {error.abs().max():.1e} of {theirs.abs().max():.2f}, {ratio:.0f} dB below it"


def compare(sides: dict[str, Any], task: str, batch: int, frames: int, rounds: int) -> dict[str, list[Measured]]:
    """All rounds of one task, the sides in turn; one uncounted call each before."""
    for side in sides.values():
        side(task, batch, frames)
    if len(sides) > 1:
        print(f"{task}, batch {batch}: {agreement(task, sides['ours'].result, sides['nemo'].result)}", flush=True)
    results: dict[str, list[Measured]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            results[name].append(side(task, batch, frames))
    return results


def row(name: str, task: str, batch: int, rounds: list[Measured], audio_s: float) -> dict[str, Any]:
    """Median and spread of one side."""
    factors = [one.seconds / audio_s for one in rounds]
    return {
        "side": name,
        "task": task,
        "batch": batch,
        "rtf": statistics.median(factors),
        "rtf_min": min(factors),
        "rtf_max": max(factors),
        "cpu_rtf": statistics.median(one.cpu_seconds / audio_s for one in rounds),
        "peak_mib": max(one.peak_mib for one in rounds),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown; the last column is how many times as fast as NeMo ours is, by the clock and in CPU time."""
    theirs = {(r["task"], r["batch"]): r for r in rows if r["side"] == "nemo"}
    cells = []
    for r in rows:
        other = theirs.get((r["task"], r["batch"])) if r["side"] == "ours" else None
        ratio = f"{other['rtf'] / r['rtf']:.2f}, {other['cpu_rtf'] / r['cpu_rtf']:.2f}" if other else ""
        factor = f"{r['rtf']:.4f} ({r['rtf_min']:.4f}..{r['rtf_max']:.4f})"
        figures = factor, f"{r['cpu_rtf']:.4f}", f"{r['peak_mib']:.0f}", ratio
        cells.append([r["task"], r["batch"], r["side"], *figures])
    return markdown_table(HEAD, cells)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", type=Path, default=Path("configs/codec/lfsc.yaml"))
    parser.add_argument("--nemo", type=Path, help="python of NeMo's environment")
    parser.add_argument("--seconds", type=float, default=5.0, help="of audio in an item")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of our networks")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch, both sides")
    parser.add_argument("--out", type=Path, help="JSON to write")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    codec = codec_from_config(args.config)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        sides: dict[str, Any] = {}
        if args.nemo:
            if not isinstance(codec, HiFiGANCodec):
                raise UserError(f"{args.config} is not a codec that NeMo has; leave out --nemo")
            sides["nemo"] = Nemo(args.nemo, codec, Path(folder), args.threads, args.device)
            codec = load_codec(sides["nemo"].weights)
        sides["ours"] = Ours(codec, args.device, getattr(torch, args.dtype))
        frames = max(4, round(args.seconds * codec.frame_rate))
        for batch, task in itertools.product(args.batch, ("encode", "decode")):
            audio_s = batch * frames / codec.frame_rate
            for name, rounds in compare(sides, task, batch, frames, args.rounds).items():
                rows.append(row(name, task, batch, rounds, audio_s))
        if args.nemo:
            sides["nemo"].close()
    print(table(rows))
    if args.out:
        settings = {key: getattr(args, key) for key in ("seconds", "rounds", "device", "threads", "dtype")}
        record = {"config": str(args.config), **settings, "environment": environment(), "rows": rows}
        write_atomically(args.out, json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    guard(main)
