"""The G2P is given words alone, so that its own rules for numbers, titles and Roman numerals never act."""

import random
import re
import time
from pathlib import Path

import pytest

pytest.importorskip("hibari", reason="hibari-tts is not installed")
from speechllm.text.markup import strip_markup
from speechllm.text.normalizer import Normalizer
from speechllm.text.phonemizer import Phonemizer
from speechllm.text.sentences import split_sentences

ROOT = Path(__file__).parents[3]
WORDS_ONLY = re.compile(r"(?:[^\W\d_]|[ ,.;:!?'—-])+")
# Each is text that the G2P's own rules would change.
TEMPTING = {
    "King Charles spoke.": "kˈɪŋ ʧˈɑɹlz spˈOk.",
    "The article I wrote.": "ði ˈɑɹTəkᵊl ˌI ɹˈOt.",
    "type C cable": "tˈIp sˈi kˈAbᵊl",
    "I said no.": "ˌI sˈɛd nˈO.",
}


@pytest.fixture(scope="module")
def normalizer():
    return Normalizer()


@pytest.fixture(scope="module")
def phonemizer():
    phonemizer = Phonemizer()
    phonemizer.load()
    return phonemizer


def written() -> list[str]:
    tables = [Path(__file__).with_name(f"{name}.tsv").read_text("utf-8") for name in ("readings", "nemo_readings")]
    lines = [line for table in tables for line in table.rstrip("\n").split("\n") if not line.startswith("# ")]
    return [line.split("\t")[0] for line in lines]


def test_what_reaches_the_g2p_are_words(normalizer, phonemizer, monkeypatch):
    seen = []
    tokenize = phonemizer._g2p.tokenize
    monkeypatch.setattr(phonemizer._g2p, "tokenize", lambda text: seen.append(text) or tokenize(text))
    for text in written():
        try:
            phonemizer(normalizer.normalize(text))
        except ValueError:
            continue  # nothing to say
    assert len(seen) > 800
    assert [text for text in seen if not WORDS_ONLY.fullmatch(text)] == []


def test_the_g2ps_own_text_rules_are_not_there(phonemizer):
    assert not hasattr(phonemizer, "_normalize")
    for text in ("Chapter I", "King I", "No. one", "vol. x"):
        assert phonemizer(text).words[-1].text == text.split()[-1], "a word was read as another"


@pytest.mark.parametrize(("text", "phonemes"), TEMPTING.items())
def test_its_rules_for_romans_and_abbreviations_never_act(normalizer, phonemizer, text, phonemes):
    assert phonemizer(normalizer.normalize(text)).text == phonemes


def random_text(rng: random.Random) -> str:
    """1 to 500 characters of all of Unicode, or of a part where more can be read."""
    low, high = rng.choice([(0, 0x110000), (0, 0x110000), (0x20, 0x7F), (0x20, 0x180), (0x2000, 0x2C00)])
    common = rng.choice(["", "", "", "", "", " 5a-./,:", "a .,b", "IVX CDM.'"])
    chars = [chr(rng.randrange(low, high)) for _ in range(rng.randint(1, 500))]
    return "".join(rng.choice(common) if common and rng.random() < 0.8 else char for char in chars)


def reading(normalizer: Normalizer, phonemizer: Phonemizer, text: str) -> str:
    """What is said, or why nothing is."""
    try:
        return phonemizer(normalizer.normalize(strip_markup(text))).text
    except ValueError as error:
        return f"refused: {error}"


def test_any_unicode_is_read_or_refused_in_one_line_within_a_second(normalizer, phonemizer):
    rng, refusals, slowest = random.Random(2), [], 0.0
    normalizer.normalize("12")  # loads the grammar
    for _ in range(250):
        text = random_text(rng)
        started = time.thread_time()
        said = reading(normalizer, phonemizer, text)
        slowest = max(slowest, time.thread_time() - started)
        refusals += [said] if said.startswith("refused: ") else []
    assert 25 < len(refusals) < 225
    assert [said for said in refusals if not said.startswith("refused: got ") or len(said.splitlines()) > 1] == []
    assert slowest < 1


@pytest.mark.parametrize(
    "text", ["9" * 5000, "9" * 500 + "k", "$" + "9" * 500 + "k", "1-" + "9" * 500, "M" * 500, "1/" * 300]
)
def test_numbers_that_nobody_writes_are_read_too(normalizer, text):
    assert normalizer.normalize(text)


@pytest.mark.parametrize("name", ["LICENSE", "README.md", "NOTICE", "benchmarks/texts/sentences.txt"])
def test_of_a_text_no_word_is_lost(normalizer, name):
    """Every word that is no number, sign or abbreviation is said, in its place."""
    for sentence in split_sentences(strip_markup((ROOT / name).read_text("utf-8"))):
        if not re.search(r"[A-Za-z]", sentence):
            continue
        spoken = normalizer.normalize(sentence)
        if re.search(r"[^A-Za-z ,;:!?()\"'.-]|\.\S|\(s\)|\b[A-Za-z]{1,5}\.", sentence):
            continue  # what the readings are for
        assert re.findall(r"[a-z]+", spoken.lower()) == re.findall(r"[a-z]+", sentence.lower())
