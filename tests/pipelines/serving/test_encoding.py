"""One encoder an answer: however the audio is cut, the same bytes; lengths that are true where they can be."""

import io

import numpy as np
import pytest
import soundfile

from pipelines.serving.encoding import Resampler, open_encoder, rate_of
from pipelines.shared.errors import UserError

AUDIO = (np.random.default_rng(0).standard_normal(44_100) * 0.1).astype(np.float32)
TAGS = {"comment": "synthetic speech; voice=toy"}


def encoded(kind: str, whole: bool, size: int, rate: int = 24_000) -> bytes:
    encoder = open_encoder(kind, rate, TAGS, whole)
    try:
        parts = [encoder.push(AUDIO[start : start + size]) for start in range(0, len(AUDIO), size)]
        assert any(parts) is not whole
        return b"".join([*parts, encoder.flush()])
    finally:
        encoder.close()


@pytest.mark.parametrize("kind", ["mp3", "flac", "wav", "pcm"])
def test_bytes_do_not_depend_on_the_pieces(kind):
    assert encoded(kind, False, 3000) == encoded(kind, False, 7001)


@pytest.mark.parametrize("kind", ["mp3", "flac", "wav", "opus"])
def test_a_whole_file_knows_its_length(kind):
    with soundfile.SoundFile(io.BytesIO(encoded(kind, True, 5000))) as file:
        assert abs(file.frames - len(AUDIO)) <= (1200 if kind == "opus" else 0)


def test_opus_leaves_early():
    encoder = open_encoder("opus", 24_000, {}, whole=False)
    head = len(encoder.push(AUDIO[:2400]))
    assert encoder.push(AUDIO[2400:7200]) and head
    encoder.close()


def test_a_streamed_mp3_begins_with_sound():
    data = encoded("mp3", False, 5000)
    start = data.index(b"\xff\xf3")
    assert any(data[start + 4 : start + 20])


def test_resampling_does_not_depend_on_the_pieces():
    once, often = Resampler(22_050, 24_000), Resampler(22_050, 24_000)
    parts = [often(AUDIO[start : start + 777], start + 777 >= len(AUDIO)) for start in range(0, len(AUDIO), 777)]
    assert np.array_equal(once(AUDIO, last=True), np.concatenate(parts))
    assert Resampler(24_000, 24_000)(AUDIO) is AUDIO


def test_rates():
    assert [rate_of(kind, None, 22_050) for kind in ("pcm", "opus", "wav", "mp3")] == [24_000, 24_000, 22_050, 22_050]
    assert rate_of("pcm", 22_050, 22_050) == 22_050
    for kind, rate in (("opus", 22_050), ("mp3", 23_000), ("wav", 100)):
        with pytest.raises(UserError, match="expected"):
            rate_of(kind, rate, 22_050)
