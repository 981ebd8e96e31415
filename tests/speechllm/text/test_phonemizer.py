import subprocess
import sys

import pytest

pytest.importorskip("hibari", reason="hibari-tts is not installed")
from speechllm.text.foreign import foreign_words
from speechllm.text.heteronyms import heteronyms
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


HETERONYMS = {
    "We read every night.": ("read", "ɹˈid"),
    "She has read it.": ("read", "ɹˈɛd"),
    "lead paint": ("lead", "lˈɛd"),
    "the lead singer": ("lead", "lˈid"),
    "double bass": ("bass", "bˈAs"),
    "He caught a bass.": ("bass", "bˈæs"),
    "I object to that.": ("object", "əbʤˈɛkt"),
    "the object": ("object", "ˈɑbʤəkt"),
    "We broadcast live.": ("live", "lˈIv"),
    "I live here.": ("live", "lˈɪv"),
    "Wind the clock.": ("Wind", "wˈInd"),
    "a strong wind": ("wind", "wˈɪnd"),
    "wear and tear": ("tear", "tˈɛɹ"),
    "a tear in her eye": ("tear", "tˈɪɹ"),
    "Take a bow.": ("bow", "bˈW"),
    "bow and arrow": ("bow", "bˈO"),
    "I am content.": ("content", "kəntˈɛnt"),
    "web content": ("content", "kˈɑntɛnt"),
    "They refuse to go.": ("refuse", "ɹəfjˈuz"),
    "the refuse bin": ("refuse", "ɹˈɛfjus"),
    "a minute detail": ("minute", "mInˈut"),
    "in a minute": ("minute", "mˈɪnət"),
    "Trees produce oxygen.": ("produce", "pɹədˈus"),
    "fresh produce": ("produce", "pɹˈOdˌus"),
    "They abuse it.": ("abuse", "əbjˈuz"),
    "drug abuse": ("abuse", "əbjˈus"),
    "Record the song.": ("Record", "ɹəkˈɔɹd"),
    "a record": ("record", "ɹˈɛkəɹd"),
    "a learned man": ("learned", "lˈɜɹnɪd"),
    "He learned it.": ("learned", "lˈɜɹnd"),
    "the book of Job": ("Job", "ʤˈOb"),
    "a good job": ("job", "ʤˈɑb"),
    "polish the shoes": ("polish", "pˈɑlɪʃ"),
    "Polish people": ("Polish", "pˈOlɪʃ"),
    "my resume": ("resume", "ɹˈɛzəmˌA"),
    "Resume the game.": ("Resume", "ɹəzˈum"),
    "The dove flew.": ("dove", "dˈʌv"),
    "He dove into it.": ("dove", "dˈOv"),
    "Pan Am": ("Am", "ˈæm"),
}
FOREIGN = {
    "crème brûlée": "kɹˈɛm bɹulˈA",
    "Beyoncé's song": "biˈɑnsAz sˈɔŋ",
    "Chloë and Zoë": "klˈOi ænd zˈOi",
    "jalapeño": "hˌɑləpˈAnjO",
    "my résumé": "mI ɹˈɛzəmˌA",
    "BEYONCÉ": "biˈɑnsA",
}


@pytest.mark.parametrize(("text", "expected"), HETERONYMS.items())
def test_neighbours_tell_heteronyms_apart(phonemizer, text, expected):
    phonemes, words = phonemizer(text)
    assert [phonemes[word.start : word.end] for word in words if word.text == expected[0]] == [expected[1]]


@pytest.mark.parametrize(("text", "expected"), FOREIGN.items())
def test_foreign_words_are_known_by_their_accents(phonemizer, text, expected):
    assert phonemizer(text).text == expected


def test_tables_speak_the_alphabet_and_are_large(phonemizer):
    spoken = {word: phonemes for word, phonemes in foreign_words().items()}
    readings = [cue.phonemes for cues in heteronyms().values() for cue in cues]
    assert len(spoken) >= 2000 and len(heteronyms()) >= 60
    assert set("".join([*spoken.values(), *readings])) <= set(phonemizer.alphabet)
    assert [
        word for word, phonemes in spoken.items() if word.isascii() or word != word.lower() or "ˈ" not in phonemes
    ] == []


def test_no_at_the_end_of_a_sentence_is_no_number(phonemizer):
    """The G2P's own rules read "no." as an abbreviation."""
    for text in ("I said no.", "Hm, no.", "I said “no.” Then I left."):
        assert "nˈO" in phonemizer(text).text and "nˈʌmbəɹ" not in phonemizer(text).text
