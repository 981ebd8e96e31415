"""What is heard of the shipped voice: a recogniser finds the last word of hard inputs.

That the reader gets to the last token (tests/test_hard_inputs.py) is so for any weights; that the word is then heard is
not. All two hundred inputs are heard by benchmarks/hard_inputs.py.
"""

import pytest

pytest.importorskip("faster_whisper", reason="recognition needs lfsc-tts[eval]")
pytest.importorskip("jiwer", reason="error rates need lfsc-tts[eval]")
pytest.importorskip("hibari", reason="speaking needs hibari-tts")
from benchmarks.hard_inputs import spoken_form
from benchmarks.judges.asr import load_recognizer
from benchmarks.judges.error_rates import last_word_heard
from benchmarks.texts.hard_texts import HARD_INPUTS
from speechllm.text.normalizer import Normalizer

TAIL_S = 12.0  # of speech, in which the last word is looked for
# Of inputs that are repeated, confusing, or not written as spoken, and end in a word to be told apart on any processor:
# that of the sixth sick sheikh's sheep is heard or not as rounding will have it.
BEGINNINGS = (
    "A rose is a rose",
    "I said that that that",
    "How much wood",
    "Louis XIV lost",
    "In 2024 there",
)


@pytest.fixture(scope="module")
def recognizer():
    try:
        return load_recognizer("whisper-tiny.en")
    except ImportError as error:
        pytest.skip(str(error))


def heard(heart, recognizer, text: str) -> tuple[str, str]:
    """The words of a text, and those heard at its end."""
    speech = heart.synthesize(text)
    tail = speech.audio[-round(TAIL_S * speech.sample_rate) :]
    reference, hypothesis = text, recognizer.transcribe(tail, speech.sample_rate)
    return spoken_form(Normalizer(), reference), spoken_form(Normalizer(), hypothesis)


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_the_last_word_is_heard(heart, recognizer, beginning):
    (text,) = (text for text in HARD_INPUTS if text.startswith(beginning))
    reference, hypothesis = heard(heart, recognizer, text)
    assert last_word_heard(reference, hypothesis), hypothesis


def test_a_word_that_is_not_said_is_not_heard(heart, recognizer):
    """The test can fail: of a text without its last words they are not found."""
    reference, _ = heard(heart, recognizer, "She opened the door and saw the garden.")
    _, hypothesis = heard(heart, recognizer, "She opened the door and saw.")
    assert not last_word_heard(reference, hypothesis)
