from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.intelligibility import table
from benchmarks.judges.evaluation import evaluate
from benchmarks.judges.panel import Panel, summarize
from benchmarks.speakers.text_to_speech import Clip

pytest.importorskip("jiwer", reason="error rates need jiwer")


def test_a_voice_that_says_nothing_scores_as_such():
    silent = lambda text, seed, _: Clip(np.zeros(0, np.float32), 22_050)  # noqa: E731
    deaf = SimpleNamespace(transcribe=lambda audio, rate: "")
    judged = evaluate(None, {"voice": silent}, ["Hello there."], Panel(deaf))
    figures = summarize(judged, 0)
    assert figures["cer"].value == figures["wer"].value == 1 and figures["rtf"] is None
    assert "| voice | 100.00 [100.00, 100.00]" in table({"voice": figures})
