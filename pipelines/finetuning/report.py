"""report.html of a fine-tuning: what was used, how it went, players before and after. One file, no outside host."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from pipelines.finetuning.judging import SENTENCES, Score
from pipelines.finetuning.recordings import Corpus
from pipelines.shared.atomic import write_atomically

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { text-align: left; padding: .3rem .8rem .3rem 0; }
tr + tr td { border-top: 1px solid #ddd; } audio { height: 2rem; width: 16rem; } img { max-width: 100%; }
"""


def player(audio: np.ndarray, sample_rate: int) -> str:
    """An <audio> element that holds its sound."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(audio, -1, 1), sample_rate, format="OGG", subtype="VORBIS")
    return f'<audio controls src="data:audio/ogg;base64,{base64.b64encode(buffer.getvalue()).decode()}"></audio>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table of cells that are HTML."""
    lines = ["".join(f"<th>{cell}</th>" for cell in head)]
    lines += ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def figures(score: Score) -> list[str]:
    """The cells of a score."""
    cer = "not measured" if score.error_rate is None else f"{100 * score.error_rate:.1f} %"
    return [f"{score.similarity:.3f}", cer, f"{score.pace:.2f}", f"{100 * score.confidence:.0f} %"]


def write_report(
    path: Path,
    name: str,
    corpus: Corpus,
    rounds: Sequence[tuple[int, Score]],
    chosen: int,
    spoken: tuple[list[np.ndarray], list[np.ndarray]],
    recordings: Sequence[np.ndarray],
    sample_rate: int,
    alignment: bytes | None,
) -> None:
    """Write the page.

    Args:
        path: of the page.
        name: of the voice.
        corpus: what it was made from.
        rounds: steps and score of each checkpoint; the first is the voice of the prompt alone.
        chosen: index of the one that was kept.
        spoken: SENTENCES before and after, float32 [N] each.
        recordings: some of the recordings.
        sample_rate: of all of these, Hz.
        alignment: a picture, PNG; None where matplotlib is not installed.
    """
    e = html.escape
    rows = [
        [f"{steps}{' (kept)' if index == chosen else ''}" if steps else "prompt alone", *figures(score)]
        for index, (steps, score) in enumerate(rounds)
    ]
    voices = [
        [e(text), player(before, sample_rate), player(after, sample_rate)]
        for text, before, after in zip(SENTENCES, *spoken, strict=True)
    ]
    left_out = [[e(one.what), e(one.reason)] for one in corpus.rejects]
    parts = [
        f"<h1>{e(name)}</h1>",
        f"<p>{len(corpus.utterances)} recordings, {corpus.minutes:.1f} minutes. "
        f"{e(' '.join(f'{line}.' for line in corpus.remarks))}</p>",
        "<p>" + " ".join(player(one, sample_rate) for one in recordings) + "</p>",
        "<h2>Checkpoints</h2>",
        table(["steps", "similarity", "characters wrong", "pace", "reading sure"], rows),
        "<p>Similarity: cosine of the speaker vectors of speech and recordings. Pace: of the recordings' own.</p>",
        "<h2>Before and after</h2>",
        table(["sentence", "the prompt alone", "fine-tuned"], voices),
    ]
    if alignment:
        picture = base64.b64encode(alignment).decode()
        parts += ["<h2>Alignment of the first sentence</h2>", f'<img src="data:image/png;base64,{picture}" alt="">']
    if left_out:
        parts += [f"<h2>{len(left_out)} recordings were left out</h2>", table(["recording", "why"], left_out)]
    body = "\n".join(parts)
    write_atomically(
        path,
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{e(name)}</title><style>{STYLE}</style>\n'
        f"{body}\n</html>\n",
    )
