"""How a text is read, without speaking it: no speech LM, no codec, neither torch nor ONNX Runtime."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipelines.shared.errors import UserError
from pipelines.speaking.card import frontend_maker, read_card
from pipelines.speaking.manner import Manner
from pipelines.speaking.passages import passages
from pipelines.speaking.speakers import choose
from speechllm.text.frontend import Frontend, Reading
from speechllm.text.marks import as_written


def load_frontend(name: str, lexicon: Path | None = None) -> Any:
    """The text side of a voice.

    Raises:
        UserError: no such voice, or one whose text is not read by rules.
    """
    if name.startswith("gepard:"):
        raise UserError(f"{name} reads letters as they stand; a dry run goes with other voices")
    folder = choose(name).folder
    return frontend_maker(folder, read_card(folder), lexicon)()


def read(chunks: Iterable[str], frontend: Any, manner: Manner) -> Iterator[Reading]:
    """How the sentences of a text that arrives in chunks are read.

    Raises:
        ValueError: nothing to say, or text the voice cannot speak.
    """
    for index, passage in enumerate(passages(chunks, manner, frontend.reads_phonemes)):
        if passage.text or not index:
            prepared = frontend(passage.text)
            yield Reading(as_written(passage.text), prepared.text, prepared.phonemes)


def check(chunks: Iterable[str], frontend: Frontend, manner: Manner, has_reader: bool = True, where: str = "") -> int:
    """Raise now what would otherwise end a long text in its middle; returns the number of sentences."""
    count = 0
    try:
        for index, passage in enumerate(passages(chunks, manner, frontend.reads_phonemes, has_reader)):
            if passage.text or not index:
                frontend.check(passage.text)
                count += 1
    except ValueError as error:
        raise UserError(f"{where}{error}") from None
    return count
