"""Whoever speaks with the library gets marked speech: streamed as whole, at every speed, and words when they were."""

import numpy as np
import pytest

from codec.watermark.embedding import Watermark
from pipelines.speaking.provenance import from_tags, provenance, to_tags
from pipelines.speaking.synthesis import TTS

TEXT = "Hello there.\n\nHow do you do?"


@pytest.fixture(scope="module")
def tts(exported_voice) -> TTS:
    return TTS.from_pretrained(str(exported_voice), threads=1)


@pytest.mark.parametrize("options", [{}, {"speed": 1.5}, {"pauses": {"paragraph": 0.3}}], ids=str)
def test_speech_is_marked_from_its_first_sample_to_its_last(tts, options):
    plain = tts.synthesize(TEXT, seed=3, watermark=False, **options)
    marked = tts.synthesize(TEXT, seed=3, **options)
    watermark = Watermark(tts.sample_rate)
    assert np.array_equal(marked.audio, np.concatenate([watermark.push(plain.audio), watermark.flush()]))
    assert np.array_equal(np.concatenate(list(tts.stream(TEXT, seed=3, **options))), marked.audio)
    assert marked.words == plain.words and np.array_equal(marked.codes, plain.codes)
    assert not np.array_equal(marked.audio, plain.audio)


def test_the_first_audio_is_three_ms_shorter_and_comes_as_early(tts):
    plain, marked = (next(tts.stream(TEXT, watermark=watermark)) for watermark in (False, True))
    assert 0 < len(plain) - len(marked) < 0.0035 * tts.sample_rate


def test_a_file_says_who_speaks(tts):
    tags = provenance(tts.voice, True, consent="prompt used with consent; signed=yes")
    assert tags["comment"].isascii() and tags["comment"].startswith("synthetic speech; software=lfsc-tts")
    facts = from_tags(tags)
    assert facts["voice"] == tts.voice.name and facts["codec"] == tts.codec.fingerprint
    assert facts["consent"] == "prompt used with consent; signed=yes"
    assert from_tags(provenance(tts.voice, False))["watermark"] == "none"


@pytest.mark.parametrize("facts", [{"voice": "Zoë; a=b\n%"}, {"voice": "", "x y": "1"}], ids=str)
def test_odd_names_come_back_as_they_were(facts):
    assert from_tags(to_tags(facts)) == facts


def test_tags_of_others_say_nothing():
    assert from_tags({}) == from_tags({"comment": "my song; voice=me"}) == {}
