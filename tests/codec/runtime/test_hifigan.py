"""The HiFi-GAN family without torch: codes and audio of torch."""

import numpy as np
import pytest
import torch

import codec.runtime
import toys
from benchmarks.oracle.weights import make_audio
from codec.export.export import export_onnx
from parity.reduced import CONFIGS, small

FRAMES = 40


@pytest.fixture(scope="module", params=CONFIGS)
def pair(request, tmp_path_factory):
    """A reduced codec in torch, and the same in the runtime."""
    folder = tmp_path_factory.mktemp("exported")
    codec.save(small(request.param), folder)
    exact = codec.load(folder)
    export_onnx(exact, folder)
    return exact, codec.runtime.load(folder)


def codes_of(exact, batch: int, frames: int) -> np.ndarray:
    return (toys.random_codes(batch * exact.num_codebooks // 8 + 1, frames).numpy().reshape(-1, frames))[
        : batch * exact.num_codebooks
    ].reshape(batch, exact.num_codebooks, frames) % exact.codebook_size


def streamed(light, codes: np.ndarray, size: int) -> np.ndarray:
    stream = light.stream()
    pieces = [stream.push(codes[:, :, start : start + size]) for start in range(0, codes.shape[2], size)]
    return np.concatenate([*pieces, stream.flush()], axis=2)


def test_codes_are_equal(pair):
    exact, light = pair
    audio = make_audio(round(9.3 * exact.hop_length), 0)[None, None]
    expected, expected_frames = exact.encode(torch.from_numpy(audio))
    codes, frames = light.encode(audio)
    assert codes.dtype == np.int64 and np.array_equal(frames, expected_frames.numpy())
    assert np.array_equal(codes, expected.numpy())
    assert len(np.unique(codes)) > 10


def test_padded_items_have_the_codes_of_each_alone(pair):
    _, light = pair
    lengths = np.array([round(2.6 * light.hop_length), 5 * light.hop_length, 1])
    audio = np.zeros((3, 1, lengths.max()), np.float32)
    for row, length in enumerate(lengths):
        audio[row, 0, :length] = make_audio(length, row)
    audio[0, 0, lengths[0] :] = 0.5  # of the padding nothing is heard
    codes, frames = light.encode(audio, lengths)
    assert frames.tolist() == [3, 5, 1]
    for row, (length, count) in enumerate(zip(lengths, frames, strict=True)):
        assert np.array_equal(codes[row, :, :count], light.encode(audio[row : row + 1, :, :length])[0][0])
        assert not codes[row, :, count:].any()


@pytest.mark.parametrize("frames", [1, 3, 4, FRAMES])
def test_audio_is_that_of_torch(pair, frames):
    exact, light = pair
    codes = codes_of(exact, 2, frames)
    expected = exact.decode(torch.from_numpy(codes)).numpy()
    audio = light.decode(codes)
    assert audio.shape == expected.shape == (2, 1, frames * exact.hop_length)
    assert np.abs(audio - expected).max() <= 1e-5 < 0.01 < np.abs(expected).max()


@pytest.mark.parametrize("size", [1, 3, 20])
def test_streamed_audio_is_that_of_the_whole(pair, size):
    exact, light = pair
    codes = codes_of(exact, 2, FRAMES)
    assert np.abs(streamed(light, codes, size) - light.decode(codes)).max() <= 1e-5


def test_long_audio_is_decoded_in_pieces(pair):
    exact, light = pair
    codes = codes_of(exact, 1, light.chunk + 30)
    expected = exact.decode(torch.from_numpy(codes)).numpy()
    assert np.abs(light.decode(codes) - expected).max() <= 1e-5


def test_a_stream_is_as_far_ahead_as_in_torch(pair):
    exact, light = pair
    codes = codes_of(exact, 1, FRAMES)
    assert light.context == exact.context
    stream, expected = light.stream(), exact.stream()
    for start in range(0, FRAMES, 7):
        piece = codes[:, :, start : start + 7]
        assert stream.push(piece).shape == tuple(expected.push(torch.from_numpy(piece)).shape)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros((1, 100), np.float32), r"shape \(1, 100\); expected \[B, 1, N\]"),
        (np.zeros((1, 1, 0), np.float32), "with N >= 1"),
        (np.zeros((1, 1, 100), np.int16), "type int16; expected floats"),
        (np.full((1, 1, 100), np.nan, np.float32), "NaN or infinite"),
    ],
)
def test_audio_that_cannot_be_encoded_is_refused(pair, audio, message):
    with pytest.raises(ValueError, match=message):
        pair[1].encode(audio)


def test_lengths_that_do_not_fit_are_refused(pair):
    with pytest.raises(ValueError, match=r"lengths \[101\]; expected 1 numbers in 1..100"):
        pair[1].encode(np.zeros((1, 1, 100), np.float32), np.array([101]))
