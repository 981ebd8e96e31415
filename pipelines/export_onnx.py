"""Graphs of a codec, with which it runs without torch: `codec.runtime.load` reads the folder.

    python pipelines/export_onnx.py --codec voices/english/codec --out runs/english-onnx

Each gets encoder and decoder in float32, one of the lite family a decoder in int8 too.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import LiteCodec, load, save  # noqa: E402
from codec.export.export import export_onnx  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--codec", required=True, help="codec folder, .nemo file, or the hub id of a published codec")
    parser.add_argument("--out", type=Path, required=True, help="codec folder to write")
    parser.add_argument("--no-int8", action="store_true", help="for the lite family, leave out the decoder in int8")
    args = parser.parse_args(argv)
    if args.out.exists() and not args.out.is_dir():
        raise UserError(f"{args.out} is a file; expected a folder to write")
    codec = load(args.codec).eval()
    if args.no_int8 and not isinstance(codec, LiteCodec):
        raise UserError(f"got --no-int8, and {args.codec} is not of the lite family: it has no int8; leave it out")
    save(codec, args.out)
    export_onnx(codec, args.out, int8=not args.no_int8)
    size = sum(path.stat().st_size for path in args.out.iterdir() if path.is_file())
    print(f"{args.out}: {size / 1e6:.1f} MB, codec {codec.fingerprint}")


if __name__ == "__main__":
    guard(main)
