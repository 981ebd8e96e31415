"""Audio without its offset. Shapes: B batch, N samples."""

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from codec.dsp.blocks import windows
from codec.dsp.constants import highpass_margin, highpass_step, window_width


def highpass(audio: Tensor, sample_rate: int, hz: float, step: int) -> Tensor:
    """Take off audio float32 [B, N] its mean over 1 / hz seconds around each sample, weighted by a Hann window.

    Linear phase; the gain is 0 at 0 Hz, 1/2 at `hz`, within 3 % of 1 from 2 hz on and within 1 % from 3 hz on. At both
    ends the mean is that of what is there. It is taken every `step` samples and interpolated.
    """
    width, length = window_width(sample_rate, hz, step), audio.shape[1]
    window = torch.hann_window(width + 2, periodic=False, device=audio.device)[None, None, 1:-1]
    beside = (width - step) // 2
    both = torch.cat([audio, torch.ones_like(audio[:1])])
    padded = F.pad(both, (beside, beside + -length % step))
    total = F.conv1d(padded[:, None], window, stride=step)
    means = total[:-1] / total[-1:]
    return audio - F.interpolate(means, scale_factor=float(step), mode="linear")[:, 0, :length]


def highpass_in_blocks(blocks: Iterable[Tensor], sample_rate: int, hz: float, hop: int) -> Iterator[Tensor]:
    """`highpass` of audio in blocks [B, n], all of the same multiple of `hop` but the last."""
    step = highpass_step(hop)
    for window in windows(blocks, highpass_margin(sample_rate, hz, step)):
        yield window.inner(highpass(window.values, sample_rate, hz, step))
