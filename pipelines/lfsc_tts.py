"""The command `lfsc-tts`: every script that a user runs, as a subcommand.

    lfsc-tts say --text "Hello there."
    lfsc-tts train-codec --config lite-21.5fps --manifest=data/heart/manifest.jsonl

In a clone that is not installed: python pipelines/lfsc_tts.py say --text "Hello there."
"""

import difflib
import functools
import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.shared.errors import UserError, guard  # noqa: E402

COMMANDS = {  # name: module with a main(argv, prog), what it does
    "say": ("pipelines.speaking.command_line", "speak a text"),
    "read": ("pipelines.speaking.read_command", "print how a text is read, without speaking it"),
    "serve": ("pipelines.serve", "speech over HTTP, for OpenAI's clients"),
    "wyoming": ("pipelines.serve_wyoming", "speech for Home Assistant"),
    "detect": ("pipelines.detect", "whether audio files are marked as synthetic speech"),
    "prepare-corpus": ("pipelines.prepare_corpus", "a corpus on disk, or a teacher who reads texts -> manifest"),
    "extract-features": ("pipelines.extract_features", "manifest -> what the codec codes, computed once"),
    "train-codec": ("pipelines.train_codec", "manifest -> codec"),
    "convert-nemo": ("pipelines.convert_nemo", ".nemo file -> codec"),
    "train-tokenizer": ("pipelines.train_tokenizer", "manifest -> tokenizer"),
    "plan": ("pipelines.plan", "manifest -> plan of shards, for corpora of any size"),
    "encode-corpus": ("pipelines.encode_corpus", "manifest + codec + tokenizer -> code shards"),
    "convert-shards": ("pipelines.convert_shards", "code shards of one format -> those of another"),
    "warp-corpus": ("pipelines.warp_corpus", "features -> those of more speakers"),
    "encode-speakers": ("pipelines.encode_speakers", "code shards -> who speaks in them"),
    "align-corpus": ("pipelines.align_corpus", "code shards -> which token every frame speaks"),
    "train-recogniser": ("pipelines.train_recogniser", "code shards -> what reads back what a voice wrote"),
    "train-lm": ("pipelines.train_lm", "aligned shards -> speech LM"),
    "speak-corpus": ("pipelines.speak_corpus", "voice + texts -> code shards of what it said right"),
    "make-pairs": ("pipelines.make_pairs", "voice + texts -> pairs of a better and a worse try"),
    "train-preferences": ("pipelines.train_preferences", "pairs -> speech LM that prefers the better tries"),
    "export-onnx": ("pipelines.export_onnx", "codec -> graphs beside it, that run without torch"),
    "export-hf": ("pipelines.export_hf", "speech LM -> folder that transformers loads, to hand on"),
    "export-voice": ("pipelines.export_voice", "codec + LM + tokenizer -> voice folder"),
    "finetune": ("pipelines.finetune", "minutes of recordings -> a voice of one's own"),
    "reconstruct": ("pipelines.reconstruct", "audio files through a codec and back"),
}
HELP = "usage: lfsc-tts COMMAND ...; `lfsc-tts COMMAND --help` lists the flags of one\n\n" + "\n".join(
    f"  {command:18}{line}" for command, (_, line) in COMMANDS.items()
)


def main(argv: list[str] | None = None) -> None:
    """Run one command; without one, list them."""
    guard(functools.partial(run, sys.argv[1:] if argv is None else argv))


def run(argv: list[str]) -> None:
    """`main` without its guard."""
    command, *arguments = argv or ["--help"]
    if command in ("-h", "--help"):
        print(HELP)
        return
    if command not in COMMANDS:
        close = difflib.get_close_matches(command, COMMANDS, 1)
        hint = f"did you mean {close[0]}?" if close else f"expected one of: {', '.join(COMMANDS)}"
        raise UserError(f"unknown command {command!r}; {hint}")
    try:
        module = importlib.import_module(COMMANDS[command][0])  # one alone: torch takes seconds
    except ModuleNotFoundError as error:
        extra = "hf" if error.name == "transformers" else "train"
        raise UserError(f"{command} needs {error.name}; pip install 'lfsc-tts[{extra}]'") from error
    module.main(arguments, f"lfsc-tts {command}")  # sys.argv stays: Lightning starts further processes with it


if __name__ == "__main__":
    main()
