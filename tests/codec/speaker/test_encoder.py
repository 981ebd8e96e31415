"""Speaker vectors: of length 1, of the voice and not of its loudness or rate, and those of Resemblyzer."""

import numpy as np
import pytest
import soxr

import toys
from codec.speaker import SPEAKER_DIM, SpeakerEncoder
from codec.speaker.encoder import LOUDNESS_DB, SAMPLE_RATE, STEP, WINDOW


@pytest.fixture(scope="module")
def encoder():
    return SpeakerEncoder()


def voice(seed: int, duration_s: float = 3.0) -> np.ndarray:
    return np.concatenate([toys.utterance(seed, 1.5)] * round(duration_s / 1.5))


def test_a_vector_says_who_and_not_how_loud_or_at_which_rate(encoder):
    audio = voice(1)
    vector = encoder(audio, toys.RATE)
    assert vector.shape == (SPEAKER_DIM,) and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert vector.min() >= 0
    assert encoder(0.05 * audio, toys.RATE) @ vector > 0.9999
    assert encoder(soxr.resample(audio, toys.RATE, 44_100), 44_100) @ vector > 0.99
    assert encoder(voice(4), toys.RATE) @ vector < 0.97


@pytest.mark.parametrize("audio", [np.zeros(16_000, np.float32), np.zeros(0, np.float32)])
def test_silence_is_nobody(encoder, audio):
    with pytest.raises(ValueError, match="got silence"):
        encoder(audio, SAMPLE_RATE)


@pytest.mark.parametrize(("frames", "count"), [(1, 1), (WINDOW, 1), (WINDOW + STEP, 2), (WINDOW + 20, 1), (600, 7)])
def test_windows_cover_the_recording(encoder, frames, count):
    windows = encoder.windows(np.ones((frames, 40), np.float32))
    assert windows.shape == (count, WINDOW, 40)
    assert windows[0, : min(frames, WINDOW)].all()


def test_it_is_resemblyzers(encoder):
    resemblyzer = pytest.importorskip("resemblyzer", reason="the original comes with `make judges`")
    audio = soxr.resample(voice(2), toys.RATE, SAMPLE_RATE).astype(np.float32)
    audio *= np.float32(10 ** (LOUDNESS_DB / 20) / np.sqrt(np.mean(audio.astype(np.float64) ** 2)))
    theirs = resemblyzer.VoiceEncoder("cpu", verbose=False).embed_utterance(audio)
    assert encoder(audio, SAMPLE_RATE) @ theirs > 0.998
