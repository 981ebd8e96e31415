"""Lite codecs encode without torch: the codes of torch, in pieces of any length and in memory that does not grow."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch

import codec.runtime
import toys
from codec.export.export import export_onnx

CHANGES = {"21.5 fps": {}, "86 fps": {"hop_length": 256}, "high-pass": {"highpass_hz": 20.0}}


@pytest.fixture(scope="module", params=CHANGES)
def pair(request, tmp_path_factory):
    """A small codec in torch, and the same in the runtime."""
    folder = tmp_path_factory.mktemp("exported")
    codec.save(toys.toy_codec(config=dataclasses.replace(toys.TOY_CODEC, **CHANGES[request.param])), folder)
    exact = codec.load(folder)
    export_onnx(exact, folder)
    return exact, codec.runtime.load(folder)


def speech(duration_s: float) -> np.ndarray:
    """Something like speech of several voices, with an offset and a little noise, float32 [1, 1, N].

    In digital silence the highest band is what rounding leaves, and no two implementations round alike.
    """
    count = round(duration_s * toys.RATE)
    parts = [toys.utterance(number) for number in range(1 + count // len(toys.utterance(0)))]
    noise = 0.003 + 0.002 * np.random.default_rng(0).standard_normal(count)
    return (np.concatenate(parts)[None, None, :count] + noise).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 255, 1024, 1025, 20_000, 262_144, 500_000])
def test_codes_are_those_of_torch(pair, samples):
    exact, light = pair
    audio = speech(samples / toys.RATE)
    expected, expected_frames = exact.encode(torch.from_numpy(audio))
    codes, frames = light.encode(audio)
    assert codes.dtype == np.int64 and np.array_equal(frames, expected_frames.numpy())
    assert np.array_equal(codes, expected.numpy())
    assert samples < 20_000 or len(np.unique(codes)) > 50


@pytest.mark.parametrize("sizes", [[1000], [65_536], [7, 300_000, 1], [22_050, 0, 100]], ids=str)
def test_pieces_of_any_length_give_the_codes_of_the_whole(pair, sizes):
    _, light = pair
    audio, pieces, start = speech(8.0), [], 0
    while start < audio.shape[2]:
        for size in sizes:
            pieces.append(audio[:, :, start : start + size])
            start += size
    codes = np.concatenate(list(light.encode_chunks(pieces)), axis=2)
    assert np.array_equal(codes, light.encode(audio)[0])


def test_padded_items_have_the_codes_of_each_alone(pair):
    _, light = pair
    lengths = np.array([30_000, 44_100, 1])
    audio = np.concatenate([speech(2.0)] * 3)
    audio[1] *= 0.5
    codes, frames = light.encode(audio, lengths)
    for row, (length, count) in enumerate(zip(lengths, frames, strict=True)):
        assert np.array_equal(codes[row, :, :count], light.encode(audio[row : row + 1, :, :length])[0][0])
        assert not codes[row, :, count:].any()


def test_codes_come_while_audio_is_read(pair):
    """So that an hour needs no more memory than half a minute."""
    _, light = pair
    second, read = speech(1.0), 0

    def pieces():
        nonlocal read
        for read in range(1, 61):  # noqa: B007
            yield second

    next(light.encode_chunks(pieces()))
    assert read < 20


def test_silence_and_noise_have_the_codes_of_torch(pair):
    exact, light = pair
    quiet = np.zeros((1, 1, 40_000), np.float32)
    loud = np.random.default_rng(0).uniform(-1, 1, (1, 1, 40_000)).astype(np.float32)
    for audio in (quiet, loud):
        assert (light.encode(audio)[0] == exact.encode(torch.from_numpy(audio))[0].numpy()).mean() >= 0.999


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ([np.zeros((2, 1, 100), np.float32)], r"shape \(2, 1, 100\); expected \[1, 1, n\], a piece of one recording"),
        ([np.zeros((1, 1, 100), np.int16)], "type int16; expected floats"),
        ([np.zeros((1, 1, 9), np.float32), np.full((1, 1, 9), np.inf, np.float32)], "NaN or infinite"),
    ],
)
def test_pieces_that_cannot_be_encoded_are_refused(pair, chunks, message):
    with pytest.raises(ValueError, match=message):
        list(pair[1].encode_chunks(chunks))


def test_the_shipped_codec_has_the_codes_of_torch(exported, reference):
    audio = speech(4.0)
    expected = reference.encode(torch.from_numpy(audio))[0].numpy()
    codes = codec.runtime.load(exported).encode(audio)[0]
    assert codes.shape == expected.shape and (codes == expected).mean() >= 0.999


def test_an_encoder_that_is_missing_or_of_other_weights_is_named(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "codec")
    codec.save(toys.toy_codec(), tmp_path / "other")
    export_onnx(toys.toy_codec(), tmp_path / "other")
    light, audio = codec.runtime.load(folder), speech(0.5)
    (folder / "encode-float32.onnx").unlink()
    with pytest.raises(FileNotFoundError, match="no .*encode-float32.onnx; write it with lfsc-tts export-onnx"):
        light.encode(audio)
    for name in ("encode-float32.onnx", "graphs.data"):
        shutil.copy(tmp_path / "other" / name, folder / name)
    shutil.copy(tmp_path / "other/model.safetensors", folder / "model.safetensors")
    with pytest.raises(ValueError, match="encode-float32.onnx belongs to other weights"):
        light.encode(audio)
