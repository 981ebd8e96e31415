"""Source-filter synthesis: the pulse train, windows that sum to one, and noise that belongs to its frame."""

import math

import pytest
import torch

import toys
from codec.dsp.pitch import phase_from_samples
from codec.lite.source_filter import NOISE_FRAMES, SourceFilter, pulses
from codec.lite.vocoder import Filters

N_FFT, HOP, RATE, FRAMES = 1024, 256, toys.RATE, 12
BINS = N_FFT // 2 + 1


@pytest.fixture(scope="module")
def source():
    return SourceFilter(RATE, N_FFT, HOP)


def sweep(start: float, end: float) -> tuple[torch.Tensor, torch.Tensor]:
    f0 = torch.linspace(start, end, FRAMES * HOP, dtype=torch.float64)[None]
    return phase_from_samples(f0, RATE), f0.float()


def unit(f0: float = 100.0) -> Filters:
    """Filters that change nothing."""
    zeros = torch.zeros(1, FRAMES, BINS)
    return Filters(torch.full((1, FRAMES), f0), zeros, zeros, zeros)


@pytest.mark.parametrize(("start", "end"), [(100.0, 100.0), (90.0, 210.0), (420.0, 333.0)])
def test_the_closed_form_is_minus_the_sum_of_all_harmonics_below_nyquist(start, end):
    phase, f0 = sweep(start, end)
    count = (RATE / 2 / f0).floor()
    wanted = torch.zeros_like(phase)
    for h in range(1, int(count.max()) + 1):
        wanted -= torch.cos(h * phase) * (h <= count)
    found = pulses(phase, f0, RATE)
    assert found.dtype == torch.float32
    assert (found - wanted).abs().max() < 0.01 * count.max()  # a peak is flat for the last thousandth of a turn
    assert (found - wanted).abs().mean() < 1e-3


def test_the_pulses_far_into_a_recording_are_as_exact_as_at_its_start():
    phase, f0 = sweep(120.0, 120.0)
    later = phase + 2 * math.pi * 100_000
    assert torch.allclose(pulses(phase, f0, RATE), pulses(later, f0, RATE), atol=0.05)


def test_filters_that_change_nothing_give_back_the_sources(source):
    phase, f0 = sweep(100.0, 180.0)
    harmonic, noise = source.filter(unit(), source.pulse_spectrum(phase, f0), source.noise_spectrum(FRAMES, 0))
    assert harmonic.shape == noise.shape == (1, FRAMES, BINS)
    edge = HOP // 2  # where no second window lies over the first
    assert torch.allclose(source.audio(harmonic)[:, edge:-edge], pulses(phase, f0, RATE)[:, edge:-edge], atol=1e-4)
    table = source.noise[:FRAMES].flatten()
    assert torch.allclose(source.audio(noise)[0, edge:-edge], table[edge:-edge], atol=1e-5)
    assert float(source.audio(noise).std()) == pytest.approx(1, rel=0.1)


def test_a_filter_scales_and_delays(source):
    phase, f0 = sweep(100.0, 100.0)
    delay = 20  # samples
    turn = -2 * math.pi * delay / N_FFT * torch.arange(BINS)
    filters = unit()._replace(harmonic=torch.full((1, FRAMES, BINS), math.log(0.5)), phase=turn.expand(1, FRAMES, -1))
    harmonic, _ = source.filter(filters, source.pulse_spectrum(phase, f0), source.noise_spectrum(FRAMES, 0))
    found, wanted = source.audio(harmonic)[0], pulses(phase, f0, RATE)[0] / 2
    assert torch.allclose(found[300:-300], wanted[300 - delay : -300 - delay], atol=1e-3)


@pytest.mark.parametrize("first", [1, 7, NOISE_FRAMES - 3, 3 * NOISE_FRAMES + 5])
def test_the_noise_of_a_frame_depends_on_its_number_alone(source, first):
    before = first - 1
    assert torch.equal(source.noise_spectrum(6, first), source.noise_spectrum(8, before)[1:7])
    again = source.noise_spectrum(6, first + NOISE_FRAMES)
    assert torch.equal(again, source.noise_spectrum(6, first))
    assert not torch.allclose(source.noise_spectrum(6, first + 1), again, atol=1e-2)


def test_every_source_has_the_same_noise_and_it_is_never_saved(source):
    assert torch.equal(source.noise, SourceFilter(RATE, N_FFT, HOP).noise)
    assert not source.state_dict() and not list(source.parameters())


def test_a_window_of_spectra_gives_the_audio_of_the_whole(source):
    spectra = source.noise_spectrum(FRAMES, 0)[None]
    whole, part = source.audio(spectra), source.audio(spectra[:, 3:9])
    assert torch.allclose(part[:, 2 * HOP : -2 * HOP], whole[:, 5 * HOP : 7 * HOP], atol=1e-6)
