"""The sentences that every system reads: the fixed hundred of sentences.txt, or a file of one's own."""

from pathlib import Path

from benchmarks.texts.transcripts import normalize_transcript
from pipelines.shared.errors import UserError

SENTENCES = Path(__file__).with_name("sentences.txt")


def read_sentences(path: Path = SENTENCES, limit: int | None = None) -> list[str]:
    """Lines of a text file. Raises UserError if there are none, or one of them has nothing to say."""
    if not path.is_file():
        raise UserError(f"{path} does not exist; expected a text file with one sentence a line")
    sentences = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    if limit is not None and limit < 1:
        raise UserError(f"got --limit {limit}; expected at least 1 sentence")
    if not sentences:
        raise UserError(f"{path} is empty; expected one sentence a line")
    for sentence in sentences:
        if not normalize_transcript(sentence):
            raise UserError(f"{path} has the line {sentence!r}, which has no word to recognise; remove it")
    return sentences[:limit]
