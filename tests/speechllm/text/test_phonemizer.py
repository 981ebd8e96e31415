import subprocess
import sys

import pytest

pytest.importorskip("hibari", reason="hibari-tts is not installed")
from speechllm.text.phonemizer import Phonemizer

TEXTS = [
    "Hello there, my friend.",
    "O'Brien's well-known dog doesn't bark; the dogs' bones do!",
    "Yes—no; I live in the U.S. now, at five P.M. today.",
    "A.",
    "Zorblax and Vrumpf met Xkcd.",
    "rock and roll, twenty-one, wi-fi",
    "the the the the",
    "12 cats cost $3.50",
    "supercalifragilisticexpialidocious",
    '"Quoted," she said (softly).',
]


@pytest.fixture(scope="module")
def phonemizer():
    return Phonemizer()


def test_the_string_is_the_one_of_the_g2p(phonemizer):
    from hibari.g2p import G2P

    g2p = G2P()
    assert [phonemizer(text).text for text in TEXTS] == [g2p(text) for text in TEXTS]


@pytest.mark.parametrize("text", TEXTS)
def test_spans_ascend_and_hold_only_the_sound_of_a_word(phonemizer, text):
    phonemes, words = phonemizer(text)
    position = 0
    for word in words:
        assert position <= word.start < word.end <= len(phonemes)
        assert not set(phonemes[word.start] + phonemes[word.end - 1]) & set(" ,.;:!?—…()“”")
        position = word.end
    rest = list(phonemes)
    for word in words:
        rest[word.start : word.end] = " " * (word.end - word.start)
    assert not set(rest) - set(" ,.;:!?—…()“”"), "a sound that belongs to no word"


def test_every_spoken_word_has_its_span(phonemizer):
    phonemes, words = phonemizer("Yes—O'Brien's well-known U.S. dogs' don't, do they?")
    assert [word.text for word in words] == ["Yes", "O'Brien's", "well-known", "U.S.", "dogs'", "don't", "do", "they"]
    assert phonemes[words[0].start : words[0].end] == "jˈɛs"
    assert phonemes[words[-1].start : words[-1].end] == phonemizer("they").text


def test_a_word_too_long_for_the_network_is_read_to_its_end(phonemizer):
    short, long = phonemizer("blorptrax" * 2).text, phonemizer("blorptrax" * 6)
    assert len(long.text) > 2 * len(short)
    assert "".join(word.text for word in long.words) == "blorptrax" * 6


@pytest.mark.parametrize("text", ["", "...", "—"])
def test_text_without_sound_is_refused(phonemizer, text):
    with pytest.raises(ValueError, match=r"has no sound.*expected"):
        phonemizer(text)


def test_the_alphabet_covers_what_is_said(phonemizer):
    assert set("".join(phonemizer(text).text for text in TEXTS)) <= set(phonemizer.alphabet)
    assert len(phonemizer.alphabet) < 76, "a char tokenizer of 80 ids must hold it"


def test_loading_spares_scipy_and_leaves_hibari_importable():
    code = (
        "import sys; from speechllm.text.phonemizer import Phonemizer; p = Phonemizer();"
        "assert 'hibari.g2p' not in sys.modules; p('Zorblax');"
        "assert not {'scipy', 'hibari'} & set(sys.modules); import hibari; assert hibari.Hibari"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_no_at_the_end_of_a_sentence_is_no_number(phonemizer):
    """The G2P's own rules read "no." as an abbreviation."""
    for text in ("I said no.", "Hm, no.", "I said “no.” Then I left."):
        assert "nˈO" in phonemizer(text).text and "nˈʌmbəɹ" not in phonemizer(text).text
