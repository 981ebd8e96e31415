"""The analysis grid, its inverse, and mel filters."""

import math

import numpy as np
import pytest
import torch

from codec.dsp.mel import hz_to_mel, mel_to_hz
from codec.dsp.spectral import frames, hann, log_mel, mel_filters

N_FFT, HOP, RATE = 1024, 256, 22_050


@pytest.mark.parametrize(("n_fft", "hop"), [(1024, 256), (512, 256), (2048, 512)])
def test_samples_over_hop_is_the_number_of_frames_each_centred_on_its_hop(n_fft, hop):
    audio = torch.zeros(1, 6 * hop)
    audio[0, 2 * hop + hop // 2] = 1
    cut = frames(audio, n_fft, hop)
    assert cut.shape == (1, 6, n_fft)
    assert cut[0, 2].nonzero().tolist() == [[n_fft // 2]]


def test_a_cut_out_of_a_signal_has_the_frames_of_the_whole():
    audio = torch.randn(2, 20 * HOP)
    whole, part = frames(audio, N_FFT, HOP), frames(audio[:, 4 * HOP : 14 * HOP], N_FFT, HOP)
    assert torch.equal(part[:, 2:-2], whole[:, 6:12])


def test_the_mel_scale_is_slaneys():
    hz = np.array([0.0, 200.0, 1000.0, 6400.0, 11_025.0])
    assert hz_to_mel(hz)[:4] == pytest.approx([0, 3, 15, 42])
    assert mel_to_hz(hz_to_mel(hz)) == pytest.approx(hz)


def test_mel_filters_are_triangles_that_sum_to_one_between_the_outermost_peaks():
    filters = mel_filters(RATE, N_FFT, 40)
    assert filters.shape == (N_FFT // 2 + 1, 40)
    assert filters.min() == 0 and filters.max() <= 1
    peaks = filters.argmax(0)
    assert (peaks.diff() > 0).all()
    assert torch.allclose(filters[int(peaks[0]) + 1 : int(peaks[-1])].sum(1), torch.tensor(1.0), atol=1e-5)


def test_a_tone_is_in_its_band_and_silence_on_the_floor():
    time = torch.arange(RATE // HOP * HOP) / RATE
    mel = log_mel(torch.sin(2 * math.pi * 1000 * time)[None], RATE, N_FFT, HOP, 80)
    centres = mel_to_hz(np.linspace(0, float(hz_to_mel(np.array(RATE / 2))), 82)[1:-1])
    assert centres[int(mel[0, 40].argmax())] == pytest.approx(1000, rel=0.05)
    assert (log_mel(torch.zeros(1, 4 * HOP), RATE, N_FFT, HOP, 80) == math.log(1e-3)).all()


def test_training_can_use_the_tables_that_inference_made():
    hann.cache_clear()
    mel_filters.cache_clear()
    with torch.inference_mode():
        log_mel(torch.zeros(1, 4 * HOP), RATE, N_FFT, HOP, 20)
    audio = torch.randn(1, 4 * HOP, requires_grad=True)
    log_mel(audio, RATE, N_FFT, HOP, 20).sum().backward()
    assert audio.grad.isfinite().all()
