"""Changed features are still features, and each change does what its name says."""

import dataclasses

import numpy as np
import pytest
import torch

import toys
from codec.dsp.constants import NUM_BANDS
from codec.lite.config import CodecConfig
from codec.lite.features import extract_features
from codec.training.lite.augmentation import Augmentation, Augmenter, resample, stretch
from codec.training.lite.augmented_segments import AugmentedSegments

CONFIG = CodecConfig()
STILL = Augmentation(
    **{field.name: 0.0 for field in dataclasses.fields(Augmentation) if field.name.endswith(("_probability", "_nats"))},
    gain_db=(0.0, 0.0),
)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    audio = torch.from_numpy(toys.utterance(0, 2.0))[None]
    return extract_features(audio[:, : audio.shape[1] // 1024 * 1024], CONFIG)[0].numpy()


def change(features: np.ndarray, seed: int = 0, **settings) -> tuple[np.ndarray, np.ndarray]:
    augmenter = Augmenter(CONFIG, dataclasses.replace(STILL, **settings))
    return augmenter(features, len(features), lambda: features[::-1], np.random.default_rng(seed))


def test_without_changes_features_stay(features):
    heard, target = change(features)
    assert np.allclose(heard, features, atol=1e-5) and np.array_equal(heard, target)


@pytest.mark.parametrize("seed", range(8))
def test_everything_at_once_stays_within_the_bounds_of_analysis(features, seed):
    augmenter = Augmenter(CONFIG, Augmentation())
    count = augmenter.source_frames(64, np.random.default_rng(seed))
    assert 51 <= count <= 80
    for changed in augmenter(features[:count], 64, lambda: features[:64], np.random.default_rng(seed)):
        assert changed.shape == (64, features.shape[1]) and changed.dtype == np.float32
        assert np.isfinite(changed).all()
        envelope, noise, voicing = changed[:, :80], changed[:, 80 : 80 + NUM_BANDS], changed[:, -1]
        assert envelope.min() >= (-8 + 6) / 2.5 - 1e-5
        assert noise.min() >= -2 and noise.max() <= 1
        assert voicing.min() >= -1 and voicing.max() <= 1


def test_noise_is_in_the_input_alone_and_hides_the_periods(features):
    heard, target = change(features, noise_probability=1.0, noise_db=(5.0, 5.0))
    assert np.allclose(target, features, atol=1e-5)
    assert (heard[:, :80] >= target[:, :80] - 1e-5).all()
    assert (heard[:, 80:85] >= target[:, 80:85] - 1e-5).all() and heard[:, 80:85].mean() > target[:, 80:85].mean() + 0.1
    assert heard[:, -1].mean() < target[:, -1].mean()
    little, _ = change(features, noise_probability=1.0, noise_db=(40.0, 40.0))
    assert np.abs(little - target)[:, :80].mean() < np.abs(heard - target)[:, :80].mean()


def test_another_voice_is_louder_where_it_speaks(features):
    loud_then_quiet = features.copy()
    loud_then_quiet[:, :80] = np.where(np.arange(len(features))[:, None] < len(features) // 2, 2.0, -0.8)
    augmenter = Augmenter(
        CONFIG, dataclasses.replace(STILL, noise_probability=1.0, babble_probability=1.0, noise_db=(5.0, 5.0))
    )
    heard, target = augmenter(features, len(features), lambda: loud_then_quiet, np.random.default_rng(0))
    rise = (heard - target)[:, :80].mean(1)
    assert rise[: len(rise) // 2].mean() > 5 * rise[len(rise) // 2 :].mean()


def test_a_room_lengthens_and_a_band_cuts(features):
    burst = features.copy()
    burst[:, :80] = -0.8
    burst[40:44, :80] = 1.0
    room, _ = change(burst, reverberation_probability=1.0, direct_to_reverberant_db=(10.0, 10.0))
    assert (room[46:60, :80].mean(1) > burst[46:60, :80].mean(1) + 0.05).all()
    assert np.abs(room - burst)[:40, :80].max() < 0.05  # the floor's own
    narrow, target = change(features, band_probability=1.0, band_hz=(4000.0,))
    assert np.array_equal(narrow, target)
    assert (narrow[:, 79] == np.float32(-0.8)).all() and np.allclose(narrow[:, :40], features[:, :40], atol=1e-4)


def test_pitch_and_intonation(features):
    higher, _ = change(features, pitch_probability=1.0, pitch=(1.5, 1.5), intonation=(0.0, 0.0))
    assert higher[:, -2].std() < 1e-4
    assert higher[0, -2] == pytest.approx(features[:, -2].mean() + 2 * np.log(1.5), abs=1e-4)


def test_frequencies_are_stretched_and_the_axis_ends_where_it_ended():
    centres_hz = np.linspace(0, 11_000, 111)
    peak = np.exp(-(((centres_hz - 2000) / 300) ** 2))[None].astype(np.float32)
    assert np.allclose(stretch(peak, centres_hz, 1.0, 11_025.0), peak, atol=1e-6)
    for factor in (0.8, 1.25):
        moved = stretch(peak, centres_hz, factor, 11_025.0)
        assert centres_hz[moved.argmax()] == pytest.approx(2000 * factor, abs=60)
    ramp = centres_hz[None].astype(np.float32)
    for factor in (0.8, 1.25):
        warped = stretch(ramp, centres_hz, factor, 11_025.0)[0]
        assert (np.diff(warped) > 0).all() and warped[-1] == pytest.approx(11_000, abs=50)


def test_tempo_keeps_both_ends():
    ramp = np.arange(10, dtype=np.float32)[:, None]
    assert np.allclose(resample(ramp, 19)[:, 0], np.linspace(0, 9, 19))
    assert np.array_equal(resample(ramp, 10), ramp)


def test_segments_are_pairs_that_a_seed_repeats_and_a_resumed_run_goes_on_with(features):
    store = [torch.from_numpy(features), torch.from_numpy(features[::-1].copy())]
    augmenter = Augmenter(CONFIG, Augmentation())
    whole = AugmentedSegments(store, 64, 4, augmenter, size=6, seed=3)
    rest = AugmentedSegments(store, 64, 4, augmenter, size=4, seed=3, first=2)
    assert whole[0].shape == (2, 64, features.shape[1])
    assert all(torch.equal(whole[i + 2], rest[i]) for i in range(4))
    assert not torch.equal(whole[0], whole[1])
