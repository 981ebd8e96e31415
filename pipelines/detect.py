"""Whether audio files are marked as synthetic speech: in their sound, and in what they say of themselves.

    python pipelines/detect.py speech.wav recording.mp3

Exit code 0 if the sound of every file bears the watermark, 1 if that of one does not, 2 for what cannot be read. How it
is found, and how rarely where there is none, is in docs/marking.md.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec.audio.mono import mono_pieces  # noqa: E402
from codec.audio.tags import read_tags  # noqa: E402
from codec.watermark.detection import RATE, Detector  # noqa: E402
from codec.watermark.pattern import KEY  # noqa: E402
from pipelines.shared.errors import guard  # noqa: E402
from pipelines.speaking.provenance import from_tags  # noqa: E402

UNMARKED = 1  # exit code


def detect(detector: Detector, path: Path) -> dict[str, Any]:
    """What is found in one file, of any length and in memory that does not grow with it."""
    found = detector.detect(mono_pieces(path, RATE))
    return {
        "file": str(path),
        "marked": found.marked,
        "score": round(found.score, 2),
        "false_alarm": found.false_alarm,
        "duration_s": round(found.duration_s, 3),
        "marked_s": round(found.marked_s, 3),
        "metadata": from_tags(read_tags(path)),
    }


def line(found: dict[str, Any]) -> str:
    """What is found, for people."""
    marked = "marked as synthetic" if found["marked"] else "no mark found"
    said = "; ".join(f"{name} {value}" for name, value in found["metadata"].items()) or "nothing"
    return (
        f"{found['file']}: {marked}, score {found['score']:.1f}, by chance {found['false_alarm']:.2g}, "
        f"{found['marked_s']:.1f} of {found['duration_s']:.1f} s; metadata: {said}"
    )


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, help="wav, flac, ogg or mp3")
    parser.add_argument("--key", default=KEY, help="of the mark; default: the one all speech here is marked with")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each file")
    args = parser.parse_args(argv)

    detector, unmarked = Detector(args.key), False
    for path in args.files:
        found = detect(detector, path)
        shown = json.dumps(found) if args.json else line(found)
        print(shown.encode("utf-8", "backslashreplace").decode(), flush=True)  # a file's name may be no text
        unmarked |= not found["marked"]
    if unmarked:
        sys.exit(UNMARKED)


if __name__ == "__main__":
    guard(main)
