"""Put a voice together: codec + LM + tokenizer -> a folder that pipelines/tts.py speaks with.

Weights are in half precision; graphs beside them let the voice speak without torch.

    python pipelines/export_voice.py --lm runs/lm/lm --tokenizer runs/tokenizer.model --out runs/voice

The codec is the shipped one for any voice, unless --codec names another.

A `voice.yaml` that is there is kept: it is where provenance, licence and sampling defaults are written down.

A voice of many finds its speakers, those that its voice.yaml names, in the shards that it was trained on:

    python pipelines/export_voice.py --lm runs/lm/lm --tokenizer runs/tokenizer.model --shards data/codes --out VOICE

With --recogniser, and `tries: 4` in its voice.yaml, it reads back each sentence, and says it again where it misspoke.
"""

import argparse
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import load as load_codec  # noqa: E402
from codec import save as save_codec  # noqa: E402
from codec.export.export import export_onnx as export_codec  # noqa: E402
from pipelines.exporting.base import keep_base  # noqa: E402
from pipelines.exporting.speakers import speakers_in  # noqa: E402
from pipelines.shared.atomic import write_atomically  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.shared.resources import shipped_codec  # noqa: E402
from pipelines.speaking.loading import RECOGNISER, load_voice  # noqa: E402
from pipelines.speaking.speakers import described, write_speakers  # noqa: E402
from speechllm import SpeechLM  # noqa: E402
from speechllm.export.export import export_lm  # noqa: E402
from speechllm.runtime.lm import WEIGHTS  # noqa: E402
from speechllm.runtime.recogniser import GRAPH, RuntimeRecogniser  # noqa: E402
from speechllm.text.tokenizer import Tokenizer  # noqa: E402

CARD = """\
name: {name}
language: en
licence: unknown  # of the weights; it follows from the recordings
provenance: unknown  # whose voice, from where, with what permission
"""


def copy_recogniser(source: Path, folder: Path) -> None:
    """The files of a recogniser, and nothing else that lies beside them."""
    folder.mkdir(exist_ok=True)
    for name in ("config.json", WEIGHTS, GRAPH):
        if source.resolve() != folder.resolve():
            shutil.copyfile(source / name, folder / name)


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--codec", type=Path, help="codec folder; default: the codec for any voice")
    parser.add_argument("--lm", type=Path, required=True, help="LM folder")
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.model")
    parser.add_argument("--shards", type=Path, help="with speakers, from encode_speakers.py: for a voice of many")
    parser.add_argument("--aligner", type=Path, help="from align_corpus.py --save: voices can be made from this one")
    parser.add_argument("--recogniser", type=Path, help="from train_recogniser.py: the voice reads back what it wrote")
    parser.add_argument("--out", type=Path, required=True, help="voice folder to write")
    args = parser.parse_args(argv)

    if args.aligner and not args.shards:
        raise UserError("got --aligner without --shards, as a voice of many has; add --shards, or leave it out")
    codec, lm = load_codec(args.codec or shipped_codec()), SpeechLM.from_pretrained(args.lm)
    Tokenizer.load(args.tokenizer)
    if args.recogniser:
        _ = RuntimeRecogniser.load(args.recogniser).graph  # says what is wrong before anything is written
    if bool(lm.config.prefix_positions) != bool(args.shards):
        raise UserError("a voice of many takes --shards, where its speakers are heard; a voice of one takes none")
    args.out.mkdir(parents=True, exist_ok=True)
    save_codec(codec, args.out / "codec")
    export_codec(codec, args.out / "codec")
    lm.save_pretrained(args.out / "lm")
    export_lm(args.out / "lm")
    shutil.copyfile(args.tokenizer, args.out / "tokenizer.model")
    if not (args.out / "voice.yaml").exists():
        write_atomically(args.out / "voice.yaml", CARD.format(name=args.out.name))
    if args.shards:
        write_speakers(args.out, speakers_in(args.shards, list(described(args.out))))
        if args.aligner:
            keep_base(args.shards, args.aligner, args.out)
    if args.recogniser:
        copy_recogniser(args.recogniser, args.out / RECOGNISER)
    load_voice(str(args.out))  # whatever does not belong together is said here, not to the first listener
    size = sum(path.stat().st_size for path in args.out.rglob("*") if path.is_file())
    print(f"{args.out}: {size / 1e6:.1f} MB, codec {codec.fingerprint}")


if __name__ == "__main__":
    guard(main)
