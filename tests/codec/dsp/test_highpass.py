"""The analysis does not see what is slower than a voice, and sees voices as they are."""

import numpy as np
import pytest
import torch

from codec.dsp.highpass import highpass, highpass_in_blocks

RATE, HZ, STEP, HOP = 22_050, 20.0, 64, 256


def tone(hz: float, duration_s: float = 2.0) -> torch.Tensor:
    time_s = np.arange(round(duration_s * RATE)) / RATE
    return torch.from_numpy(np.sin(2 * np.pi * hz * time_s).astype(np.float32))[None]


def middle(audio: torch.Tensor) -> torch.Tensor:
    return audio[:, RATE // 2 : -RATE // 2]


def test_an_offset_is_gone_everywhere():
    assert highpass(torch.full((1, RATE), 0.01), RATE, HZ, STEP).abs().max() < 1e-6


@pytest.mark.parametrize(("hz", "largest"), [(2.0, 0.02), (60.0, 0.01), (100.0, 0.01), (3000.0, 0.001)])
def test_rumble_goes_and_voices_stay(hz, largest):
    audio = tone(hz)
    wanted = torch.zeros_like(audio) if hz < HZ else audio
    assert (middle(highpass(audio, RATE, HZ, STEP)) - middle(wanted)).abs().max() < largest


@pytest.mark.parametrize("blocks", [[40, 40, 13], [93], [80, 1]])
def test_blocks_give_what_the_whole_gives(blocks):
    audio = tone(70.0)[:, : sum(blocks) * HOP] + 0.1
    parts = highpass_in_blocks(audio.split([count * HOP for count in blocks], dim=1), RATE, HZ, HOP)
    assert torch.allclose(torch.cat(list(parts), dim=1), highpass(audio, RATE, HZ, STEP), atol=1e-6)
