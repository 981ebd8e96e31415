"""Turn a .nemo file into a codec folder of safetensors.

    python pipelines/convert_nemo.py low-frame-rate-speech-codec-22khz.nemo runs/lfsc

The licence of the weights is written to config.json and shown at every load. A .nemo file does not say its own: that of
the published weights of the same shape is taken, unless --licence and --use state another.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import save as save_codec  # noqa: E402
from codec.licence import Licence  # noqa: E402
from codec.pretrained.nemo import load_nemo  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("nemo", type=Path, help="the .nemo file")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--licence", help="name of the weights' licence")
    parser.add_argument("--use", choices=("commercial", "non-commercial"), help="what that licence allows")
    parser.add_argument("--commercial", action="store_true", help="refuse weights that exclude commercial use")
    args = parser.parse_args(argv)
    if bool(args.licence) != bool(args.use):
        raise UserError("--licence and --use belong together: a name, and what it allows")
    if not args.nemo.is_file():
        raise UserError(f"{args.nemo} is not a file")
    if (args.out / "config.json").exists():
        raise UserError(f"{args.out} holds a codec already; use another folder")
    stated = Licence(args.licence, args.use == "commercial") if args.licence else None
    codec = load_nemo(args.nemo, args.commercial or None, stated)
    save_codec(codec, args.out)
    print(
        f"{args.out}: {codec.config.name}, {codec.sample_rate} Hz, {codec.frame_rate:.2f} frames a second, "
        f"{codec.num_codebooks} x {codec.codebook_size} codes, {codec.bitrate / 1000:.2f} kbps; fingerprint "
        f"{codec.fingerprint}\nlicence of the weights: {codec.licence}"
    )


if __name__ == "__main__":
    guard(main)
