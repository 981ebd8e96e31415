"""The lite family without torch: the audio of torch, the same to the bit however it is cut."""

import dataclasses
import itertools
import threading

import numpy as np
import pytest
import torch

import codec.runtime
import toys
from codec.export.export import export_onnx
from codec.runtime.processor import adds_8_bits_exactly

SIZES = [[1], [2], [3], [5], [48], [1, 30, 2], [0, 4], [12], [13, 1], [100]]


@pytest.fixture(scope="module", params=["float32", "int8"])
def light(exported, request):
    return codec.runtime.load(exported, request.param)


@pytest.fixture(scope="module")
def codes(reference) -> np.ndarray:
    """Of something like speech, [1, 8, 50]."""
    audio = np.concatenate([toys.utterance(number) for number in (1, 2)])
    return reference.encode(torch.from_numpy(audio)[None, None])[0].numpy()


def streamed(light, codes: np.ndarray, sizes: list[int]) -> np.ndarray:
    stream, found, start = light.stream(), [], 0
    for size in itertools.cycle(sizes):
        if start >= codes.shape[2]:
            return np.concatenate([*found, stream.flush()], axis=2)
        found.append(stream.push(codes[:, :, start : start + size]))
        start += size
    raise AssertionError


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("frames", [1, 4, 11, 12, 50])
def test_streamed_audio_is_that_of_the_whole_to_the_bit(light, codes, frames, sizes):
    codes = codes[:, :, :frames]
    whole = light.decode(codes)
    assert whole.shape == (1, 1, frames * light.hop_length) and whole.dtype == np.float32
    assert np.array_equal(streamed(light, codes, sizes), whole)


def test_audio_longer_than_a_piece_is_streamed_to_the_bit(light, codes):
    codes = np.tile(codes, 3)
    assert codes.shape[2] > 128
    assert np.array_equal(streamed(light, codes, [7]), light.decode(codes))


def test_the_noise_goes_on_after_its_table(light):
    codes = toys.random_codes(1, 150).numpy()
    assert np.array_equal(streamed(light, codes, [50]), light.decode(codes))


def test_items_of_a_batch_sound_as_alone(light, codes):
    batch = np.concatenate([codes, codes[:, :, ::-1]])
    whole = light.decode(batch)
    assert all(np.array_equal(whole[row : row + 1], light.decode(batch[row : row + 1])) for row in range(2))
    assert np.array_equal(streamed(light, batch, [3]), whole)


def test_audio_comes_as_early_as_it_can(light, codes):
    stream = light.stream()
    assert stream.push(codes[:, :, : light.context]).shape == (1, 1, 0)
    assert stream.push(codes[:, :, light.context : light.context + 1]).shape == (1, 1, light.hop_length)
    assert stream.push(codes[:, :, light.context + 1 : 30]).shape[2] == (29 - light.context) * light.hop_length


@pytest.mark.parametrize("sharpness", [0.0, 0.5])
@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_no_later_than_its_context_says_whatever_its_shape(tmp_path, sharpness, blocks):
    config = dataclasses.replace(toys.TOY_CODEC, vocoder_sharpness=sharpness, vocoder_blocks=blocks)
    codec.save(toys.toy_codec(config=config), tmp_path)
    export_onnx(codec.load(tmp_path), tmp_path)
    light, codes = codec.runtime.load(tmp_path, "float32"), toys.random_codes(1, 30).numpy()
    for first in (1, 3):
        assert light.stream().push(codes[:, :, : light.context + first]).shape[2] == first * light.hop_length
    assert np.array_equal(streamed(light, codes, [1, 4]), light.decode(codes))


def test_float32_is_torch(exported, reference, codes):
    """But for what the pulses' phase sums up of the rounding of f0."""
    with torch.inference_mode():
        expected = reference.decode(torch.from_numpy(codes)).numpy()
    audio = codec.runtime.load(exported, "float32").decode(codes)
    assert np.abs(audio - expected).max() <= 1e-3 * np.abs(expected).max()


def test_noise_is_that_of_torch(exported, reference):
    table = codec.runtime.load(exported).tables.noise
    expected = reference.source.noise_spectrum(512, 0).numpy()
    expected = np.concatenate([expected[:, ::2], expected[:, 1::2]], axis=1)
    assert np.abs(table - expected).max() <= 1e-6 * np.abs(expected).max()


@pytest.mark.skipif(not adds_8_bits_exactly(), reason="this processor adds 8-bit products wrong, and takes float32")
def test_int8_says_nearly_what_float32_says(exported, codes):
    """Magnitudes within half a decibel, pitch within two hundredths of a semitone: what bfloat16 costs too."""
    exact, rounded = (
        codec.runtime.load(exported, precision).stream().filters(codes, True) for precision in ("float32", "int8")
    )
    cents = 1200 * np.log2(rounded.f0 / exact.f0)
    assert 0 < np.sqrt(np.mean(cents**2)) < 2
    for one, other in ((exact.harmonic, rounded.harmonic), (exact.noise, rounded.noise)):
        assert np.sqrt(np.mean((20 * np.log10(other / one)) ** 2)) < 0.5


def test_threads_share_a_codec(light, codes):
    expected, found = light.decode(codes), {}
    threads = [
        threading.Thread(target=lambda size=size: found.update({size: streamed(light, codes, [size])}))
        for size in (2, 5, 9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and all(np.array_equal(audio, expected) for audio in found.values())


@pytest.mark.parametrize("changes", [{}, {"hop_length": 256}], ids=["21.5 fps", "86 fps"])
def test_small_codecs_of_any_frame_rate(tmp_path, changes):
    small = toys.toy_codec(config=dataclasses.replace(toys.TOY_CODEC, **changes))
    codec.save(small, tmp_path)
    small = codec.load(tmp_path)
    export_onnx(small, tmp_path)
    light = codec.runtime.load(tmp_path, "float32")
    codes = toys.random_codes(2, 40)
    expected = small.decode(codes).numpy()
    whole = light.decode(codes.numpy())
    assert np.abs(whole - expected).max() <= 1e-3 * np.abs(expected).max()
    assert all(np.array_equal(streamed(light, codes.numpy(), sizes), whole) for sizes in ([1], [4], [17]))
