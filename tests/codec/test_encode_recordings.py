"""Several recordings encoded together have the codes that each has alone."""

import numpy as np
import pytest
import torch

import toys
from codec import HiFiGANCodec
from codec.dsp.path import PathSearch, cheapest_paths
from parity.reduced import TINY


def random_recordings(count: int, seed: int, longest_s: float = 2.5) -> list[torch.Tensor]:
    rng = np.random.default_rng(seed)
    audio = [toys.utterance(int(rng.integers(1000)), float(rng.uniform(0.3, longest_s))) for _ in range(count)]
    odd = [0.1 * rng.standard_normal(n).astype(np.float32) for n in (1, 255, 1024, 1025)]
    return [torch.from_numpy(one)[None] for one in [*audio, *odd, np.zeros(3000, np.float32)]]


@pytest.mark.parametrize("seed", range(3))
def test_a_lite_codec_gives_each_recording_its_own_codes(seed):
    codec, recordings = toys.toy_codec(), random_recordings(9, seed)
    together = codec.encode_recordings(recordings)
    for one, audio in zip(together, recordings, strict=True):
        assert torch.equal(one, codec.encode(audio[None])[0][0])


def test_recordings_of_several_blocks_among_short_ones():
    codec = toys.toy_codec()
    recordings = [torch.from_numpy(toys.utterance(n, length))[None] for n, length in enumerate((0.5, 21.0, 1.0))]
    for one, audio in zip(codec.encode_recordings(recordings), recordings, strict=True):
        assert torch.equal(one, codec.encode(audio[None])[0][0])


def test_a_hifigan_codec_gives_each_recording_its_own_codes():
    torch.manual_seed(0)
    codec = HiFiGANCodec(TINY).eval()
    hop = codec.hop_length
    lengths = [3 * hop, 9 * hop, 3 * hop - 5, 9 * hop - 1, 8 * hop + 1, hop]
    recordings = [torch.randn(1, n, generator=torch.Generator().manual_seed(n)) * 0.3 for n in lengths]
    alone = [codec.encode(audio[None])[0][0] for audio in recordings]
    for encode in (codec.encode_recordings, codec.encode_equals):
        assert all(map(torch.equal, encode(recordings), alone))


@pytest.mark.parametrize("seed", range(20))
def test_paths_of_signals_of_any_lengths_are_those_of_each_alone(seed):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 60, (7,), generator=generator).tolist()
    costs = [torch.rand(n, 6, generator=generator) for n in lengths]
    octaves = [torch.rand(n, 6, generator=generator) * 3 for n in lengths]
    for path, cost, octave in zip(cheapest_paths(costs, octaves), costs, octaves, strict=True):
        assert torch.equal(path, PathSearch().push(cost[None], octave[None], last=True)[0])
