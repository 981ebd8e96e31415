"""What every codec without torch is: the numbers of the one in torch, and the same refusals."""

import numpy as np
import pytest

import codec.runtime
import toys
from codec.runtime.interface import check_audio

NUMBERS = "name sample_rate hop_length frame_rate num_codebooks codebook_size levels bitrate fingerprint licence"


@pytest.fixture(scope="module")
def light(exported):
    return codec.runtime.load(exported)


@pytest.mark.parametrize("number", NUMBERS.split())
def test_numbers_are_those_of_the_codec_in_torch(light, reference, number):
    expected = reference.config.name if number == "name" else getattr(reference, number)
    assert getattr(light, number) == expected


def test_look_ahead_follows_from_the_context(light):
    assert light.lookahead_ms == 1000 * light.context / light.frame_rate


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((8, 3), np.int64), r"shape \(8, 3\); expected \[B, 8, T\]"),
        (np.zeros((1, 7, 3), np.int64), r"expected \[B, 8, T\]"),
        (np.zeros((1, 8, 3)), "type float64; expected integers"),
        (np.full((1, 8, 3), 2016), r"2016..2016; expected 0..2015"),
        (np.full((1, 8, 3), -1), r"expected 0..2015"),
    ],
)
def test_what_are_no_codes_is_refused(light, codes, message):
    with pytest.raises(ValueError, match=message):
        light.decode(codes)
    stream = light.stream()
    with pytest.raises(ValueError, match=message):
        stream.push(codes)
    assert stream.flush(toys.random_codes(1, 3).numpy()).shape == (1, 1, 3 * light.hop_length)  # it stayed as it was


def test_a_stream_that_is_over_takes_nothing(light):
    stream, codes = light.stream(), toys.random_codes(1, 3).numpy()
    stream.flush(codes)
    assert stream.flush().shape == (1, 1, 0)
    with pytest.raises(ValueError, match="after its flush"):
        stream.push(codes)


def test_a_stream_keeps_its_batch_and_needs_codes(light):
    with pytest.raises(ValueError, match="without codes"):
        light.stream().flush()
    stream = light.stream()
    stream.push(toys.random_codes(1, 3).numpy())
    with pytest.raises(ValueError, match="got codes of 2 items; this stream decodes 1"):
        stream.push(toys.random_codes(2, 3).numpy())


def test_no_codes_are_no_audio(light):
    assert light.decode(np.zeros((2, 8, 0), np.int64)).shape == (2, 1, 0)
    stream = light.stream()
    stream.push(np.zeros((1, 8, 0), np.int64))
    assert stream.flush().shape == (1, 1, 0)


def test_int32_codes_are_codes(light):
    codes = toys.random_codes(1, 5).numpy()
    assert np.array_equal(light.decode(codes.astype(np.int32)), light.decode(codes))


@pytest.mark.parametrize("lengths", [np.array([100.5]), [True], np.array([np.nan])], ids=str)
def test_lengths_that_are_no_integers_are_refused(lengths):
    with pytest.raises(ValueError, match="got lengths of type (float64|bool); expected integers"):
        check_audio(np.zeros((1, 1, 200), np.float32), lengths)
