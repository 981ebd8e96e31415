"""Encoding of long recordings: as they come or at once, the same codes; and no memory that grows."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import toys
from codec.lite import features as features_module
from codec.lite.features import block_size, extract_features

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def short_blocks(monkeypatch):
    """Blocks of a second, so that there are several."""
    monkeypatch.setattr(features_module, "BLOCK_S", 1.0)


def speech(samples: int) -> torch.Tensor:
    """[1, 1, samples]."""
    return torch.from_numpy(np.resize(toys.utterance(0, 3.0), samples))[None, None]


def in_pieces(audio: torch.Tensor, seed: int) -> list[torch.Tensor]:
    cuts = np.sort(np.random.default_rng(seed).integers(1, audio.shape[-1], 9))
    return [piece for piece in audio.tensor_split(np.unique(cuts).tolist(), dim=-1) if piece.shape[-1]]


@pytest.mark.parametrize("offset", [-1, 0, 1, 700])
@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_how_audio_arrives_changes_no_code(toy_codec, short_blocks, blocks, offset):
    audio = speech(blocks * block_size(toy_codec.config) + offset)
    codes, frames = toy_codec.encode(audio)
    assert codes.shape[-1] == frames[0] == -(-audio.shape[-1] // toys.HOP)
    for seed in range(3):
        assert torch.equal(torch.cat(list(toy_codec.encode_chunks(in_pieces(audio, seed))), dim=-1), codes)


def test_blocks_change_features_by_rounding_alone(toy_codec, monkeypatch):
    audio = speech(5 * toys.RATE)[0]
    whole = extract_features(audio, toy_codec.config)
    monkeypatch.setattr(features_module, "BLOCK_S", 1.0)
    assert torch.allclose(extract_features(audio, toy_codec.config), whole, atol=1e-3)


def test_silence_and_a_sample_are_encoded_too(toy_codec, short_blocks):
    silence, sample = torch.zeros(1, 1, 3 * toys.RATE), torch.full((1, 1, 1), 0.5)
    for audio, pieces in ((silence, in_pieces(silence, 0)), (sample, [sample])):
        assert torch.equal(torch.cat(list(toy_codec.encode_chunks(pieces)), dim=-1), toy_codec.encode(audio)[0])


def test_empty_pieces_change_nothing_and_no_pieces_give_no_codes(toy_codec):
    audio, empty = speech(5000), torch.zeros(1, 1, 0)
    found = list(toy_codec.encode_chunks([empty, audio[..., :100], empty, audio[..., 100:], empty]))
    assert torch.equal(torch.cat(found, dim=-1), toy_codec.encode(audio)[0])
    assert not list(toy_codec.encode_chunks([empty])) and not list(toy_codec.encode_chunks([]))


def test_an_offset_is_taken_away_alike_in_pieces(short_blocks):
    codec = toys.toy_codec(config=dataclasses.replace(toys.TOY_CODEC, highpass_hz=20.0))
    audio = speech(int(3.3 * toys.RATE)) + 0.01
    pieces = codec.encode_chunks(in_pieces(audio, 0))
    assert torch.equal(torch.cat(list(pieces), dim=-1), codec.encode(audio)[0])


@pytest.mark.parametrize("chunk", [torch.zeros(1, 2, 10), torch.zeros(2, 1, 10), torch.full((1, 1, 5), torch.nan)])
def test_what_is_no_piece_of_one_recording_is_refused(toy_codec, chunk):
    with pytest.raises(ValueError, match="expected"):
        list(toy_codec.encode_chunks([chunk]))


MEMORY = """
import sys, torch
torch.set_num_threads(1)
sys.path[:0] = ["tests", "."]
import toys
from codec.lite import features
features.BLOCK_S = 5.0
codec, noise = toys.toy_codec(), torch.rand(1, 1, toys.RATE) - 0.5
for _ in codec.encode_chunks(noise for second in range(int(sys.argv[1]))):
    pass
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_memory_does_not_grow_with_the_length():
    if not Path("/proc/self/status").is_file():
        pytest.skip("peak memory is read from /proc")

    def peak_mib(duration_s: int) -> float:
        command = [sys.executable, "-c", MEMORY, str(duration_s)]
        return int(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout) / 1024

    assert peak_mib(120) < peak_mib(40) + 20  # it took 0.23 GB a minute
