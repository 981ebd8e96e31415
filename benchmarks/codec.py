"""Speed of a codec: real-time factor of encoding and decoding, and peak memory, beside ONNX Runtime and NeMo's modules.

    python benchmarks/codec.py --config configs/codec/lfsc.yaml --onnx --out runs/speed-lfsc.json
    python benchmarks/codec.py --config configs/codec/lfsc.yaml --onnx --nemo .nemo-venv/bin/python

All sides have the same random weights and take turns, round by round, so that what else the machine does meets each.
The first call of each is not counted, but its results are compared; a figure is the median over the rounds. Without
--onnx and --nemo torch runs alone. --dtype bfloat16 shows what lower precision of the networks gains and costs.
Real-time factor = compute time / audio time, of the whole batch; lower is better. Memory is that of the process on a
CPU, weights included, and that of torch's allocations on a GPU; with --onnx torch's process has written the graphs too.
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.oracle.sides import Nemo, OnnxRuntime, Torch, random_codec  # noqa: E402
from benchmarks.report.environment import environment  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.timing.stopwatch import Measured  # noqa: E402
from codec import Codec, HiFiGANCodec  # noqa: E402
from codec import from_config as codec_from_config  # noqa: E402
from codec import load as load_codec  # noqa: E402
from codec import save as save_codec  # noqa: E402
from pipelines.shared.atomic import write_atomically  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402

REFERENCE = "torch"
HEAD = ("task", "batch", "side", "RTF (min..max)", "CPU s per s", "peak MiB", "time / torch's", "CPU time / torch's")


def difference(task: str, found: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """How alike results are: the share of equal codes, or the largest difference of audio in peaks of the reference."""
    if task == "encode":
        return {"codes_equal": float((found == reference).mean())}
    return {"audio_error": float(np.abs(found - reference).max() / np.abs(reference).max())}


def compare(
    sides: dict[str, Any], task: str, batch: int, frames: int, rounds: int
) -> tuple[dict[str, list[Measured]], dict[str, dict[str, float]]]:
    """All rounds of one task, the sides in turn, and how their results differ; one uncounted call each before."""
    for side in sides.values():
        side(task, batch, frames)
    found = {name: difference(task, side.result, sides[REFERENCE].result) for name, side in sides.items()}
    for name in sorted(set(sides) - {REFERENCE}):
        text = "{codes_equal:.4%} of codes" if task == "encode" else "audio within {audio_error:.1e} of its peak"
        print(f"{task}, batch {batch}, {name}: {text.format(**found[name])} as in {REFERENCE}", flush=True)
    results: dict[str, list[Measured]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            results[name].append(side(task, batch, frames))
    return results, found


def row(rounds: list[Measured], reference: list[Measured], audio_s: float) -> dict[str, float]:
    """Median and spread of one side; ratios are of what was measured in the same round."""
    factors = [one.seconds / audio_s for one in rounds]
    pairs = list(zip(rounds, reference, strict=True))
    return {
        "rtf": statistics.median(factors),
        "rtf_min": min(factors),
        "rtf_max": max(factors),
        "cpu_rtf": statistics.median(one.cpu_seconds / audio_s for one in rounds),
        "peak_mib": max(one.peak_mib for one in rounds),
        "time_ratio": statistics.median(one.seconds / other.seconds for one, other in pairs),
        "cpu_time_ratio": statistics.median(one.cpu_seconds / other.cpu_seconds for one, other in pairs),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    cells = []
    for r in rows:
        factor = f"{r['rtf']:.4f} ({r['rtf_min']:.4f}..{r['rtf_max']:.4f})"
        figures = f"{r['cpu_rtf']:.4f}", f"{r['peak_mib']:.0f}", f"{r['time_ratio']:.2f}", f"{r['cpu_time_ratio']:.2f}"
        cells.append([r["task"], r["batch"], r["side"], factor, *figures])
    return markdown_table(HEAD, cells)


def make_sides(args: argparse.Namespace, codec: Codec, folder: Path) -> dict[str, Any]:
    """The sides that were asked for, by name.

    Raises:
        UserError: a side that this codec, device or precision has not.
    """
    sides: dict[str, Any] = {}
    if isinstance(codec, HiFiGANCodec):
        codec = random_codec(codec.config)
    elif args.nemo:
        raise UserError(f"{args.config} is not a codec that NeMo has; leave out --nemo")
    if args.onnx and (args.device != "cpu" or args.dtype != "float32"):
        raise UserError(f"got --onnx with --device {args.device} --dtype {args.dtype}; graphs run on cpu in float32")
    if args.nemo:
        assert isinstance(codec, HiFiGANCodec)
        sides["nemo"] = Nemo(args.nemo, codec, folder, args.threads, args.device)
        codec = load_codec(sides["nemo"].weights)
    if args.onnx:
        from codec.export.export import export_onnx  # needs onnx

        save_codec(codec, folder / "codec")
        codec = load_codec(folder / "codec")  # of rounded weights, where a family saves them so
        export_onnx(codec, folder / "codec")
        sides["onnx"] = OnnxRuntime(folder / "codec", folder, args.threads)
    sides[REFERENCE] = Torch(codec, args.device, getattr(torch, args.dtype))
    return sides


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", type=Path, default=Path("configs/codec/lfsc.yaml"))
    parser.add_argument("--nemo", type=Path, help="python of NeMo's environment")
    parser.add_argument("--onnx", action="store_true", help="ONNX Runtime too; needs lfsc-tts[export]")
    parser.add_argument("--seconds", type=float, default=5.0, help="of audio in an item")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the networks in torch")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of each side")
    parser.add_argument("--out", type=Path, help="JSON to write")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    torch.set_num_threads(args.threads)
    codec = codec_from_config(args.config)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        sides = make_sides(args, codec, Path(folder))
        frames = max(4, round(args.seconds * codec.frame_rate))
        for batch, task in itertools.product(args.batch, ("encode", "decode")):
            audio_s = batch * frames / codec.frame_rate
            results, differences = compare(sides, task, batch, frames, args.rounds)
            for name, rounds in results.items():
                what = {"side": name, "task": task, "batch": batch}
                rows.append({**what, **row(rounds, results[REFERENCE], audio_s), **differences[name]})
        for side in sides.values():
            side.close()
    print(table(rows))
    if args.out:
        settings = {key: getattr(args, key) for key in ("seconds", "rounds", "device", "threads", "dtype")}
        where = environment(("onnxruntime",))
        record = {"config": str(args.config), **settings, "environment": where, "rows": rows}
        write_atomically(args.out, json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    guard(main)
