"""The spectral envelope and aperiodicity of sounds for which both are known."""

import math

import pytest
import torch

import toys
from codec.dsp import envelope as env
from codec.dsp.pitch import phase_from_samples
from codec.lite.source_filter import pulses

N_FFT, HOP, RATE, FRAMES = 1024, 256, toys.RATE, 80
INSIDE = slice(6, -6)  # frames


def noise(deviation: float, seed: int = 0) -> torch.Tensor:
    return deviation * torch.randn(1, FRAMES * HOP, generator=torch.Generator().manual_seed(seed))


def train(hz: float, amplitude: float) -> torch.Tensor:
    """Pulses whose harmonics all have the same amplitude."""
    f0 = torch.full((1, FRAMES * HOP), hz)
    return amplitude * pulses(phase_from_samples(f0, RATE), f0, RATE)


def flat(hz: float) -> torch.Tensor:
    return torch.full((1, FRAMES), hz)


@pytest.mark.parametrize("deviation", [0.3, 0.01])
def test_white_noise_has_the_density_of_its_deviation(deviation):
    found = env.log_envelope(noise(deviation), flat(150.0), RATE, N_FFT, HOP)
    assert found.shape == (1, FRAMES, N_FFT // 2 + 1)
    assert float(found[:, INSIDE].exp().mean()) == pytest.approx(deviation, rel=0.1)


@pytest.mark.parametrize("hz", [80.0, 130.0, 220.0, 390.0])
def test_a_pulse_train_has_a_flat_envelope_of_the_formulas_height(hz):
    found = env.log_envelope(train(hz, 0.01), flat(hz), RATE, N_FFT, HOP)[0, INSIDE, 30:-60]
    wanted = math.log(0.01 / 2 * math.sqrt(RATE / hz))
    assert float(found.mean()) == pytest.approx(wanted, abs=0.1)
    assert (found - wanted).abs().max() < 0.4


def test_silence_lies_on_the_floor():
    found = env.log_envelope(torch.zeros(1, FRAMES * HOP), flat(150.0), RATE, N_FFT, HOP)
    assert found.exp().max() == pytest.approx(env.SILENCE, rel=0.01)
    assert torch.allclose(env.to_bands(found, RATE, N_FFT, 80), torch.tensor(math.log(env.FLOOR)))


def test_bands_of_a_level_are_that_level_and_read_back_as_it():
    level = torch.full((1, 3, N_FFT // 2 + 1), -2.0)
    bands = env.to_bands(level, RATE, N_FFT, 80)
    assert bands.shape == (1, 3, 80)
    assert torch.allclose(bands, torch.tensor(-2.0), atol=1e-5)
    assert torch.allclose(bands @ env.bins_from_mel(RATE, N_FFT, 80), level, atol=1e-5)
    assert torch.allclose(env.bins_from_aperiodicity(RATE, N_FFT).sum(0), torch.tensor(1.0))


def analysed(audio: torch.Tensor, hz: float, voicing: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise share [S, A] and refined f0 [S] of the inside."""
    shape = env.log_envelope(audio, flat(hz), RATE, N_FFT, HOP)
    share, f0 = env.aperiodicity(audio, flat(hz), flat(voicing), shape, RATE, HOP)
    assert share.shape == (1, FRAMES, env.NUM_BANDS)
    return share[0, INSIDE], f0[0, INSIDE]


def test_noise_is_all_noise_and_a_pulse_train_is_none():
    share, f0 = analysed(noise(0.1), 150.0, 0.0)
    assert (f0 == 150).all()
    assert (share.mean(0) > -0.5).all() and share.max() <= 0
    share, _ = analysed(train(150.0, 0.02), 150.0, 1.0)
    assert (share < torch.tensor(env.VOICED_CEILING) + 1e-6).all()
    assert share[:, :3].mean() < -2.5


def test_noise_upon_a_pulse_train_is_heard_in_the_bands_that_it_is_in():
    clean, _ = analysed(train(150.0, 0.02), 150.0, 0.0)
    rough, _ = analysed(train(150.0, 0.02) + noise(0.1), 150.0, 0.0)
    assert (rough.mean(0) > clean.mean(0) + 0.5).all()


@pytest.mark.parametrize("error", [0.98, 1.01])
def test_a_pitch_that_is_slightly_wrong_is_put_right(error):
    _, f0 = analysed(train(160.0, 0.02), 160.0 * error, 1.0)
    assert (f0 / 160 - 1).abs().max() < 0.002


def test_minimum_phase_of_a_known_filter():
    frequency = torch.linspace(0, math.pi, N_FFT // 2 + 1)
    response = (1 - 0.5 * torch.polar(torch.ones_like(frequency), -frequency)) / (
        1 - 0.8 * torch.polar(torch.ones_like(frequency), -frequency)
    )
    phase = env.minimum_phase(response.abs().log(), N_FFT)
    assert torch.allclose(phase, response.angle(), atol=1e-3)


def test_smoothing_keeps_levels_and_energy():
    power = torch.rand(1, 2, 513) + 0.5
    width = torch.tensor([[4.0, 9.5]])
    smoothed = env.smooth(power, width)
    assert torch.allclose(env.smooth(torch.full_like(power, 3.0), width), torch.tensor(3.0), atol=1e-5)
    assert smoothed[0, :, 20:-20].mean(1).tolist() == pytest.approx(power[0, :, 20:-20].mean(1).tolist(), rel=0.01)
    assert smoothed[0, 1].std() < smoothed[0, 0].std() < power[0, 0].std()
