"""Write a codec as ONNX graphs, which `codec.runtime` runs without torch.

    python pipelines/export_onnx.py --codec nvidia/low-frame-rate-speech-codec-22khz --out runs/lfsc

The folder is one that `codec.load` reads too; graphs and torch share its weights. Needs the package onnx, which
`pip install 'lfsc-tts[export]'` brings.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import load as load_codec  # noqa: E402
from codec import save as save_codec  # noqa: E402
from codec.export.export import export_onnx  # noqa: E402
from pipelines.shared.errors import guard  # noqa: E402


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--codec", required=True, help="codec folder, .nemo file or hub id")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args(argv)

    codec = load_codec(args.codec)
    if not (args.out.is_dir() and Path(args.codec).is_dir() and args.out.samefile(args.codec)):
        save_codec(codec, args.out)
    export_onnx(codec, args.out)
    size = sum(path.stat().st_size for path in args.out.iterdir())
    print(f"{args.out}: {size / 1e6:.1f} MB, codec {codec.fingerprint}")


if __name__ == "__main__":
    guard(main)
