"""Analysis in numpy says what analysis in torch says, step by step."""

import numpy as np
import pytest
import torch

import toys
from codec.dsp import blocks as torch_blocks
from codec.dsp import envelope as torch_envelope
from codec.dsp import highpass as torch_highpass
from codec.dsp import path as torch_path
from codec.dsp import pitch as torch_pitch
from codec.runtime.analysis import blocks, highpass, path, pitch
from codec.runtime.analysis.envelope import ShapeAnalysis, smooth

RATE, N_FFT, HOP = 22_050, 1024, 256


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    """Whole hops of three utterances, float32 [N]."""
    found = np.concatenate([toys.utterance(number) for number in (1, 4, 6)])
    return found[: len(found) // HOP * HOP]


@pytest.fixture(scope="module")
def tracked(audio) -> list[np.ndarray]:
    """Pitch as torch has it: f0 and voicing [S]."""
    return [part[0].numpy() for part in torch_pitch.track_pitch(torch.from_numpy(audio)[None], RATE, HOP)]


@pytest.mark.parametrize("sizes", [[5], [17], [8, 8, 1], [100], [1, 40]], ids=str)
def test_blocks_and_windows(sizes):
    signal = np.arange(100, dtype=np.float32)
    pieces, start = [], 0
    while start < len(signal):
        for size in sizes:
            pieces.append(signal[start : start + size])
            start += size
    pieces = [piece for piece in pieces if len(piece)]
    expected = torch_blocks.windows(torch_blocks.regroup((torch.from_numpy(p)[None] for p in pieces), 16), 7)
    found = blocks.windows(blocks.regroup(pieces, 16), 7)
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one.values, other.values[0].numpy())
        assert (one.before, one.after, one.last) == (other.before, other.after, other.last)


@pytest.mark.parametrize("length", [1, 100, 5000, 22_050])
def test_highpass(audio, length):
    loud = audio[:length] + np.float32(0.1)
    expected = torch_highpass.highpass(torch.from_numpy(loud)[None], RATE, 20.0, 64)[0].numpy()
    assert np.abs(highpass.highpass(loud, RATE, 20.0, 64) - expected).max() < 1e-6


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_decimation(audio, factor):
    expected = torch_pitch.decimate(torch.from_numpy(audio)[None], factor)[0].numpy()
    found = pitch.decimate(audio, factor)
    assert found.shape == expected.shape and np.abs(found - expected).max() < 1e-6


def test_candidates(audio):
    expected = [part[0].numpy() for part in torch_pitch.candidates(torch.from_numpy(audio)[None], RATE, HOP)]
    for found, other in zip(pitch.candidates(audio, RATE, HOP), expected, strict=True):
        assert found.shape == other.shape and found.dtype == np.float32
        assert np.mean(np.isclose(found, other, rtol=1e-3, atol=1e-3)) > 0.995  # but for those that are equally good


@pytest.mark.parametrize("most", [20, 8192])
@pytest.mark.parametrize("sizes", [[300], [7, 50, 1, 242]], ids=str)
def test_paths(monkeypatch, sizes, most):
    for module in (path, torch_path):
        monkeypatch.setattr(module, "MOST_WAITING", most)
    rng = np.random.default_rng(1)
    cost, octave = rng.uniform(0, 1, (300, 6)).astype(np.float32), rng.uniform(0, 0.2, (300, 6)).astype(np.float32)
    search, reference, start = path.PathSearch(), torch_path.PathSearch(), 0
    for size in sizes:
        part, last = slice(start, start + size), start + size == 300
        expected = reference.push(*(torch.from_numpy(values[part])[None] for values in (cost, octave)), last)
        assert np.array_equal(search.push(cost[part], octave[part], last), expected[0].numpy())
        start += size


def test_pitch_in_blocks(audio, tracked):
    hops = audio.reshape(-1, HOP)
    parts = pitch.pitch_in_blocks((hops[start : start + 64] for start in range(0, len(hops), 64)), RATE, HOP, 64)
    for found, expected in zip(map(np.concatenate, zip(*parts, strict=True)), tracked, strict=True):
        assert found.dtype == np.float32 and np.allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_smoothing():
    rng = np.random.default_rng(2)
    power = rng.exponential(1, (40, 513)).astype(np.float32) * np.geomspace(1, 1e-9, 513, dtype=np.float32)
    width = rng.uniform(2, 16, 40).astype(np.float32)
    expected = torch_envelope.smooth(torch.from_numpy(power)[None], torch.from_numpy(width)[None])[0].numpy()
    assert np.allclose(smooth(power, width), expected, rtol=1e-5)


def test_envelope_and_aperiodicity(audio, tracked):
    f0, voicing = tracked
    batch = [torch.from_numpy(values)[None] for values in (audio, f0, voicing)]
    envelope = torch_envelope.log_envelope(*batch[:2], RATE, N_FFT, HOP)
    bands = torch_envelope.to_bands(envelope, RATE, N_FFT, 80)[0].numpy()
    noise, refined = (part[0].numpy() for part in torch_envelope.aperiodicity(*batch, envelope, RATE, HOP))
    found = ShapeAnalysis(RATE, N_FFT, HOP, 80)(audio, f0, voicing)
    assert all(part.dtype == np.float32 for part in found)
    assert np.abs(found.bands - bands).max() < 1e-4
    voiced = voicing > 0.5
    assert voiced.mean() > 0.3
    assert np.abs(found.noise - noise)[voiced].max() < 1e-3
    assert np.abs(found.f0 / refined - 1).max() < 1e-4
