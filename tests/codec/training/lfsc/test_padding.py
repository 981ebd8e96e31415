"""Recordings shorter than a segment: silence that only fills up a batch teaches nothing and lowers nothing."""

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

import toys

pytest.importorskip("lightning", reason="training needs lfsc-tts[train]")

from codec import HiFiGANCodec
from codec.hifigan.codec import zero_after
from codec.training.lfsc.losses import mel_loss, stft_loss
from codec.training.lfsc.module import LitHiFiGAN
from codec.training.segments import MeasuredSegments
from parity.reduced import reduced
from training_toys import TOY, TOY_OPTIM

N_FFTS, BANDS = (32, 64, 256, 1024), (5, 10, 20, 80)
SAMPLES, LENGTHS = 16 * 1024, torch.tensor([16 * 1024, 5 * 1024, 9 * 1024])


def batch(seed: float) -> Tensor:
    """Three voices, zero beyond LENGTHS."""
    voices = [toys.voiced(150.0 + 40 * i + seed, 1.0)[:SAMPLES] for i in range(3)]
    return zero_after(torch.from_numpy(np.stack(voices))[:, None], LENGTHS)[:, 0]


def mel(fake: Tensor, real: Tensor, lengths: Tensor | None = None) -> Tensor:
    return mel_loss(fake, real, toys.RATE, N_FFTS, BANDS, lengths)


def stft(fake: Tensor, real: Tensor, lengths: Tensor | None = None) -> Tensor:
    return stft_loss(fake, real, N_FFTS, lengths)


def test_the_mel_loss_of_a_padded_batch_is_the_mean_of_each_items_own():
    real, fake = batch(0), batch(25)
    own = [mel(fake[i : i + 1, :n], real[i : i + 1, :n]) for i, n in enumerate(LENGTHS.tolist())]
    assert mel(fake, real, LENGTHS) == pytest.approx(float(torch.stack(own).mean()), rel=1e-5)
    assert mel(fake, real) < 0.8 * mel(fake, real, LENGTHS), "unmeasured, padding lowers it"


@pytest.mark.parametrize("loss", [mel, stft])
def test_every_item_counts_alike_however_much_it_is_padded(loss):
    real, fake = batch(0), batch(25)
    one = [loss(fake[i : i + 1], real[i : i + 1], LENGTHS[i : i + 1]) for i in range(3)]
    assert loss(fake, real, LENGTHS) == pytest.approx(float(torch.stack(one).mean()), rel=1e-5)
    more = [torch.nn.functional.pad(x[1:], (0, 4096)) for x in (fake, real)]
    assert loss(*more, LENGTHS[1:]) == pytest.approx(float(torch.stack(one[1:]).mean()), rel=1e-5)
    whole = torch.full((3,), SAMPLES)
    assert loss(fake, real, whole) == pytest.approx(float(loss(fake, real)), rel=1e-5)


def test_silence_of_a_window_counts_as_nemo_counts_it():
    """A spectrum's frames are centred: the one at an item's end is the last, length // hop + 1 in all."""
    real = batch(0)
    louder = real.clone()
    louder[1, 5 * 1024 + 513 :] = 1.0  # out of the reach of every window that counts
    assert stft(louder, real, LENGTHS) == 0
    louder[1, 5 * 1024 - 1] += 1.0
    assert stft(louder, real, LENGTHS) > 0


@pytest.mark.parametrize("causal", [False, True])
def test_what_is_decoded_of_a_padded_batch_is_zero_beyond_an_items_end_and_does_not_hear_the_padding(causal):
    torch.manual_seed(0)
    codec = HiFiGANCodec(reduced("nanocodec-21.5fps")) if causal else HiFiGANCodec(TOY)
    hop = codec.hop_length
    module = LitHiFiGAN(codec.eval(), TOY_OPTIM)
    audio, lengths = module.whole_frames([batch(0), LENGTHS - 3])
    assert torch.equal(lengths, -(-(LENGTHS - 3) // hop) * hop)
    fake = module.reconstruct(audio, lengths)
    assert torch.equal(fake, zero_after(fake[:, None], lengths)[:, 0])
    noisy = audio + (1 - zero_after(torch.ones_like(audio)[:, None], lengths)[:, 0])
    inside = zero_after(torch.ones_like(audio)[:, None], lengths - 8 * hop)[:, 0]  # the encoder's input is not masked
    assert ((module.reconstruct(noisy, lengths) - fake) * inside).abs().max() < 1e-4
    full = torch.full((3,), SAMPLES)
    assert torch.allclose(module.reconstruct(audio, full), module.reconstruct(audio), atol=1e-5)


def test_segments_say_how_long_they_are(tmp_path):
    for name, samples in (("short", 3000), ("long", 30_000)):
        soundfile.write(tmp_path / f"{name}.wav", toys.voiced(150.0, 2.0)[:samples], toys.RATE)
    files = [tmp_path / "short.wav", tmp_path / "long.wav"]
    segments = MeasuredSegments(files, [0.14, 1.4], 8192, toys.RATE, size=20, seed=0)
    loader = torch.utils.data.DataLoader(segments, batch_size=20)
    (audio, lengths), *_ = loader
    assert set(lengths.tolist()) == {3000, 8192}
    assert torch.equal(audio, zero_after(audio[:, None], lengths)[:, 0])
    assert audio.shape == (20, 8192)
