import pytest

import toys
from benchmarks.speakers.codec_systems import Opus, load_codec_system

RATE = 22_050


def test_opus_keeps_its_rate():
    speech = toys.utterance(0, 3.0)
    for kbps in (6, 12):
        coded = Opus(kbps)(speech, RATE)
        assert len(coded.audio) == len(speech)
        assert 0.8 * kbps < coded.bits / (len(speech) / RATE) / 1000 < 2.5 * kbps  # the container has its share
    with pytest.raises(ValueError, match="6 to 256"):
        Opus(2)


def test_an_unknown_system():
    with pytest.raises(FileNotFoundError, match="opus:KBPS"):
        load_codec_system("lfsk")
