"""When words are heard, as answers say it; times as Kokoro-FastAPI names them, seconds from the beginning."""

from collections.abc import Iterable
from typing import Any

from pipelines.speaking.pieces import Piece, WordTime


def word_times(words: Iterable[WordTime]) -> list[dict[str, Any]]:
    """Words that have ended."""
    return [
        {"word": word.text, "start_time": round(word.start_s, 4), "end_time": round(word.end_s, 4)} for word in words
    ]


def word_news(piece: Piece) -> dict[str, Any]:
    """What a piece adds to what is known of words; empty if it adds nothing.

    `sentence` are all words of a sentence that begins, `words` those that have ended since the piece before, and
    `speaking` is the one behind them, if it has begun. All `words` together are those of the whole answer.
    """
    news: dict[str, Any] = {}
    if piece.begun and piece.begun.words:
        news["sentence"] = [word.text for word in piece.begun.words]
    if piece.speaking:
        news["speaking"] = {"word": piece.speaking.text, "start_time": round(piece.speaking.start_s, 4)}
    return {**news, "words": word_times(piece.words)} if news or piece.words else {}
