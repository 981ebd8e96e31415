"""The analysis on what is recorded outside of studios.

Of this voice, right pitch and voicing are 100 % in every case here, and 94 % at 400 Hz and 0 dB. Of speech (90 s of
synthetic voices, 34 s of human ones) the frames that are voiced in the clean recording keep their pitch within 5 %, and
their voicing, in

    noise at 10 dB 93-95 and 96-97 %    babble at 15 dB 93-95 and 97-98 %    8 kHz 99 and 99 %
    -20 dB 96-97 and 96-97 %            offset of 0.01 100 and 100 %

What fails: babble is a voice where there was none, in 30 to 48 % of unvoiced frames; noise at 0 dB hides a quarter to a
half of what is voiced; a voice below 69 Hz, see the last test.
"""

import numpy as np
import pytest
import torch

import toys
from codec.lite.config import CodecConfig
from codec.lite.features import extract_features, features_to_f0

CONFIG = CodecConfig(highpass_hz=20.0)
HZ, DURATION_S = 140.0, 2.0
RNG = np.random.default_rng(0)
CLEAN = toys.voiced(HZ, DURATION_S)
NOISE = RNG.standard_normal(len(CLEAN)).astype(np.float32)
OTHERS = sum(toys.voiced(hz, DURATION_S) for hz in (97.0, 181.0, 223.0, 260.0))


def at_db(noise: np.ndarray, snr_db: float) -> np.ndarray:
    return noise * (np.sqrt(np.mean(CLEAN**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)).astype(np.float32)


def narrow(audio: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft(audio)
    spectrum[np.fft.rfftfreq(len(audio), 1 / toys.RATE) > 4000] = 0
    return np.fft.irfft(spectrum, len(audio)).astype(np.float32)


def features(audio: np.ndarray) -> torch.Tensor:
    audio = audio[: len(audio) // CONFIG.hop_length * CONFIG.hop_length]
    return extract_features(torch.from_numpy(audio.astype(np.float32))[None], CONFIG)[0]


@pytest.mark.parametrize(
    "audio",
    [CLEAN, CLEAN + at_db(NOISE, 10), CLEAN + at_db(OTHERS, 15), narrow(CLEAN), CLEAN * 0.1, CLEAN + 0.01],
    ids=["clean", "noise at 10 dB", "babble at 15 dB", "8 kHz", "-20 dB", "offset"],
)
def test_the_pitch_is_found(audio):
    found = features(audio)
    assert torch.isfinite(found).all()
    f0, inner = features_to_f0(found[None])[0], slice(10, -10)
    right = ((f0 / HZ - 1).abs() < 0.05)[inner].float().mean()
    assert right > 0.95
    assert (found[inner, -1] > 0).float().mean() > 0.95  # voiced


def test_an_offset_and_a_level_change_nothing_else():
    clean = features(CLEAN)
    assert (features(CLEAN + 0.01) - clean).abs().mean() < 0.01
    quiet = features(CLEAN * 0.1)
    loud = clean[:, :80] > -0.8 + np.log(10) / 2.5 + 0.1  # what is not on the floor after it
    assert (quiet[:, :80] + np.log(10) / 2.5 - clean[:, :80])[loud].abs().mean() < 0.02
    assert (quiet[10:-10, -2] - clean[10:-10, -2]).abs().mean() < 0.01


def test_without_a_high_pass_an_offset_would_be_coded():
    plain = CodecConfig()
    audio = torch.from_numpy(np.stack([CLEAN, CLEAN + 0.01])[:, : 20 * plain.hop_length])
    clean, moved = extract_features(audio[:1], plain), extract_features(audio[1:], plain)
    assert (clean - moved)[..., :3].abs().mean() > 0.1


def test_silence_with_an_offset_is_silent():
    audio = torch.full((1, toys.RATE), 0.01)
    assert extract_features(audio, CONFIG)[..., -1].max() < -0.9
    assert extract_features(audio, CodecConfig())[:, 8:-8, -1].min() > 0.3  # as a voice


def test_the_high_pass_leaves_a_low_voice_as_it_is():
    audio = torch.from_numpy(toys.voiced(70.0, DURATION_S))[None]
    seen, whole = (extract_features(audio, config)[:, 10:-10] for config in (CONFIG, CodecConfig()))
    assert (seen - whole)[..., 1:].abs().max() < 0.1 and (seen - whole).abs().mean() < 0.005


@pytest.mark.xfail(strict=True, reason="windows are made for 70 Hz, and the refined pitch is looked for around theirs")
def test_a_voice_of_62_hz_keeps_its_pitch():
    found = features_to_f0(features(toys.voiced(62.0, DURATION_S))[None])[0, 10:-10]
    assert ((found / 62 - 1).abs() < 0.05).all()
