"""Compile NeMo's English number grammars into the transducers that speechllm/text/grammar.py runs.

    pip install -e '.[grammars]' && python pipelines/build_grammars.py speechllm/text/grammars

nemo_text_processing (NVIDIA, Apache-2.0) writes its grammars as Python, which pynini compiles in half a minute. What
ships are those of version 1.2.0, for cased text, unchanged but for the file format; every build gives the same bytes.
They stay under their licence; NOTICE names them.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import kaldifst

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.shared.errors import UserError, guard  # noqa: E402
from speechllm.text.grammar import CLASSIFY, PUNCTUATE, VERBALIZE  # noqa: E402


def build_grammars(out: Path) -> None:
    """Write the three transducers.

    Raises:
        UserError: nemo_text_processing is not installed.
    """
    try:
        from nemo_text_processing.text_normalization.normalize import Normalizer
    except ImportError as error:
        raise UserError(f"nemo_text_processing fails ({error}); pip install -e '.[grammars]'") from error
    source = Normalizer(input_case="cased", lang="en")
    out.mkdir(parents=True, exist_ok=True)
    for name, fst in (
        (CLASSIFY, source.tagger.fst),
        (VERBALIZE, source.verbalizer.fst),
        (PUNCTUATE, source.post_processor.fst),
    ):
        write_constant(fst, out / name)


def write_constant(fst: Any, path: Path) -> None:
    """Write a pynini transducer in OpenFst's constant format, which loads ten times as fast as its vectors."""
    with tempfile.TemporaryDirectory() as folder:
        vectors = str(Path(folder, "vectors.fst"))
        fst.write(vectors)
        kaldifst.StdConstFst(kaldifst.StdVectorFst.read(vectors)).write(str(path))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="folder to write")
    args = parser.parse_args(argv)
    build_grammars(args.out)
    print(*(f"{path}: {path.stat().st_size / 1e6:.1f} MB" for path in sorted(args.out.glob("*.fst"))), sep="\n")


if __name__ == "__main__":
    guard(main)
