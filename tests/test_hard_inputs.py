"""Two hundred hard texts: the front end turns each into tokens, and the shipped voice takes about as long as it should.

Its reader gets to the last token by construction; what is heard is tested in tests/test_heard.py.
"""

import re
import time

import pytest

pytest.importorskip("hibari", reason="speaking needs hibari-tts")
from benchmarks.texts.hard_texts import HARD_INPUTS
from pipelines.speaking.passages import MAX_CHARS
from speechllm.text.frontend import FrontendOutput, TextFrontend
from speechllm.text.normalizer import Normalizer
from speechllm.text.phonemizer import Phonemizer
from speechllm.text.sentences import split_sentences
from speechllm.text.tokenizer import Tokenizer

# How long the teacher takes, by least squares over its corpus with the silence around speech cut as in training: so
# much a sentence, a sound (a phoneme without stress), and a pause inside the sentence.
SENTENCE_S, SOUND_S, PAUSE_S = 0.20, 0.075, 0.15
SHORTEST_S = 0.45  # letters and words of a syllable, which sentences say little about: the teacher takes 0.43 to 0.55 s
MADE_FROM = r"[ˈˌ\s\W]"
CPU_SECONDS = 2 * 180  # three minutes on two cores

every_input = pytest.mark.parametrize("text", HARD_INPUTS, ids=[f"{i:03d}" for i in range(len(HARD_INPUTS))])


def expected_s(phonemes: str) -> float:
    """Duration of a sentence, from its phonemes alone."""
    pauses = re.findall(r"[,;:—…]|[.!?](?=.)", phonemes)
    said_s = SENTENCE_S + SOUND_S * len(re.sub(MADE_FROM, "", phonemes)) + PAUSE_S * len(pauses)
    return max(said_s, SHORTEST_S)


def prepare(frontend: TextFrontend, text: str) -> list[FrontendOutput]:
    """The sentences of a text, as TTS.pieces prepares them."""
    return [frontend(sentence) for sentence in split_sentences(text, MAX_CHARS)]


@pytest.fixture(scope="module")
def frontend():
    phonemizer = Phonemizer()
    return TextFrontend(Normalizer(), phonemizer, Tokenizer.train(["həlˈO ðˈɛɹ."], 120, "char", phonemizer.alphabet))


def test_there_are_two_hundred_different_ones():
    assert len(HARD_INPUTS) == len(set(HARD_INPUTS)) == 200
    assert 780 <= len(HARD_INPUTS[-1].split()) <= 820


@every_input
def test_the_front_end_gives_tokens_and_words(frontend, text):
    for prepared in prepare(frontend, text):
        assert prepared.ids and prepared.words
        assert frontend.tokenizer.decode(prepared.ids) == prepared.phonemes
        assert prepared.words[-1].end_token <= len(prepared.ids)


@pytest.mark.parametrize(
    ("phonemes", "teacher_s"),
    [
        ("ðə bˈɛst wˈA tʊ əʧˈiv ðˈæt ɡˈOl ɪz bI ɛkspˈændɪŋ kənsˈuməɹ ʧˈYs, nˌɑt ɡˈʌvəɹnmənt kəntɹˈOl.", 5.975),
        ("hˌæd tə stˈɪɹ ðə kˈɑɹ dˌWn ɐ twˈɪsti tɹˈæk.", 2.7),
        ("lˈɛts lˈʊk əbˈWt fɔɹ hˈɛlp.", 1.95),
    ],
)
def test_the_expected_duration_is_about_that_of_the_teacher(phonemes, teacher_s):
    assert expected_s(phonemes) == pytest.approx(teacher_s - 0.6, rel=0.2)  # 0.6 s of silence lie around its speech


@pytest.fixture(scope="module")
def clock():
    """CPU seconds spent so far, in a list: a machine that is busy with other things is not to blame."""
    return [0.0]


@pytest.mark.slow
@every_input
def test_the_shipped_voice_takes_a_likely_time_to_the_last_token(heart, clock, text):
    begin, frames, wanted_s = time.process_time(), 0, 0.0
    for prepared in prepare(heart.frontend, text):
        wanted_s += expected_s(prepared.phonemes)
        for part in heart.parts(prepared):
            spoken = list(heart.frames(part, heart.sampling, None))
            assert spoken[-1].position == len(part.ids) - 1, part.text
            frames += len(spoken)
    clock[0] += time.process_time() - begin
    duration_s = frames / heart.codec.frame_rate
    assert 0.5 * wanted_s <= duration_s <= 2 * wanted_s, f"{duration_s:.2f} s, expected about {wanted_s:.2f} s"


@pytest.mark.slow
def test_it_took_less_than_three_minutes_on_two_cores(heart, clock):
    if not clock[0]:
        pytest.skip("no text was read")
    assert clock[0] < CPU_SECONDS
