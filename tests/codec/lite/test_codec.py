"""The codec as its users see it: audio to codes and back, identity, refusals."""

from dataclasses import replace

import pytest
import torch

import toys
from codec import LiteCodec
from codec.lite.codec import decoding_context
from codec.lite.features import extract_features

HOP = toys.HOP


def speech(number: int = 0) -> torch.Tensor:
    """Audio float32 [1, 1, N]."""
    return torch.from_numpy(toys.utterance(number, 0.8))[None, None]


def same_sound(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equal but for the rounding of sums in another order."""
    return one.shape == other.shape and bool((one - other).abs().max() <= 1e-5 * other.abs().max())


@pytest.mark.parametrize("samples", [1, HOP - 1, HOP, HOP + 1, 5000])
def test_there_is_a_frame_for_every_hop_begun(toy_codec, samples):
    codes, frames = toy_codec.encode(speech()[..., 3000 : 3000 + samples])
    count = -(-samples // HOP)
    assert codes.shape == (1, 8, count) and codes.dtype == torch.int64
    assert frames.tolist() == [count]
    assert codes.min() >= 0 and codes.max() < toy_codec.codebook_size
    audio = toy_codec.decode(codes)
    assert audio.shape == (1, 1, count * HOP) and audio.dtype == torch.float32
    assert audio.isfinite().all()


def test_silence_is_coded_and_decoded(toy_codec):
    codes, _ = toy_codec.encode(torch.zeros(1, 1, 8 * HOP))
    assert toy_codec.decode(codes).isfinite().all()


def test_encoding_is_deterministic_and_no_part_of_a_graph(toy_codec):
    audio = speech().requires_grad_()
    codes = toy_codec.encode(audio)[0]
    assert torch.equal(codes, toy_codec.encode(audio)[0])
    assert not toy_codec.decode(codes).requires_grad


def test_a_padded_batch_has_exactly_the_codes_of_each_item_whatever_the_padding_holds(toy_codec):
    items = [speech(i)[..., :size] for i, size in enumerate((17_000, 9_000, 1, 17_000, 9_001))]
    lengths = torch.tensor([item.shape[-1] for item in items])
    batch = torch.full((len(items), 1, 17_640), 0.9)
    for row, item in enumerate(items):
        batch[row, :, : item.shape[-1]] = item[0]
    codes, frames = toy_codec.encode(batch, lengths)
    assert frames.tolist() == [-(-int(length) // HOP) for length in lengths]
    for row, item in enumerate(items):
        alone, count = toy_codec.encode(item)[0], int(frames[row])
        assert torch.equal(codes[row : row + 1, :, :count], alone), f"item {row}"
        assert (codes[row, :, count:] == 0).all(), f"item {row}"


def test_features_made_elsewhere_give_the_same_codes(toy_codec):
    audio = speech()[..., : 15 * HOP]
    features = extract_features(audio[0], toy_codec.config)
    assert torch.equal(toy_codec.encode_features(features), toy_codec.encode(audio)[0])


def test_a_batch_is_decoded_as_each_item_alone_and_is_silent_beyond_it(toy_codec):
    codes, frames = toys.random_codes(4, 20), torch.tensor([20, 7, 0, 1])
    audio = toy_codec.decode(codes, frames)
    assert audio.shape == (4, 1, 20 * HOP)
    whole = toy_codec.decode(codes)
    for row, count in enumerate(frames.tolist()):
        alone = toy_codec.decode(codes[row : row + 1, :, :count])
        assert same_sound(audio[row : row + 1, :, : count * HOP], alone) if count else alone.shape == (1, 1, 0)
        assert (audio[row, :, count * HOP :] == 0).all()
    assert same_sound(whole[:1], audio[:1])


def test_codes_make_the_difference(toy_codec):
    one, other = (toy_codec.decode(toys.random_codes(1, 12, seed)) for seed in (0, 1))
    assert torch.equal(one, toy_codec.decode(toys.random_codes(1, 12, 0)))
    assert (one - other).abs().mean() > 0.1 * one.abs().mean()


def test_a_codec_describes_itself(toy_codec):
    assert toy_codec.sample_rate == 22_050 and toy_codec.hop_length == 1024
    assert toy_codec.frame_rate == pytest.approx(21.53, abs=0.01)
    assert (toy_codec.num_codebooks, toy_codec.codebook_size, toy_codec.levels) == (8, 2016, (8, 7, 6, 6))
    assert round(toy_codec.bitrate) == 1891
    assert toy_codec.context == 6


@torch.no_grad()
@pytest.mark.parametrize("sharpness", [0.0, 0.5])
def test_a_frame_of_filters_depends_on_no_more_than_its_context(sharpness):
    toy_codec = toys.toy_codec(config=replace(toys.TOY_CODEC, vocoder_sharpness=sharpness))
    reach, at, stack = decoding_context(toy_codec.config), 12, toy_codec.config.stack
    codes = toys.random_codes(1, 25)
    changed = codes.clone()
    changed[:, :, at] = (changed[:, :, at] + 1000) % 2016
    before, after = (toy_codec.vocoder(toy_codec.decoder(toy_codec.quantizer.decode(c))) for c in (codes, changed))
    for name, one, other in zip(before._fields, before, after, strict=True):
        same = (one == other).flatten(2).all(-1)[0] if one.dim() == 3 else (one == other)[0]
        assert same[: (at - reach) * stack].all() and same[(at + reach + 1) * stack :].all(), name
        assert not same[at * stack : (at + 1) * stack].any(), name


@pytest.mark.parametrize("shape", [(100,), (1, 100), (1, 2, 100), (1, 1, 0)])
def test_audio_of_another_shape_is_refused(toy_codec, shape):
    with pytest.raises(ValueError, match=r"got audio of shape \(.*expected \[B, 1, N\] with N >= 1"):
        toy_codec.encode(torch.zeros(shape))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_audio_that_is_not_finite_is_refused(toy_codec, value):
    audio = torch.zeros(1, 1, 100)
    audio[..., 50] = value
    with pytest.raises(ValueError, match="NaN or infinite samples"):
        toy_codec.encode(audio)


@pytest.mark.parametrize("lengths", [[0, 5], [5, 101], [5], [[5, 5]]])
def test_impossible_lengths_are_refused(toy_codec, lengths):
    with pytest.raises(ValueError, match=r"got lengths .*expected 2 numbers in 1..100"):
        toy_codec.encode(torch.zeros(2, 1, 100), torch.tensor(lengths))


@pytest.mark.parametrize("shape", [(8, 5), (1, 7, 5), (5,)])
def test_codes_of_another_shape_are_refused(toy_codec, shape):
    with pytest.raises(ValueError, match=r"expected \[B, 8, T\]"):
        toy_codec.decode(torch.zeros(shape, dtype=torch.long))


@pytest.mark.parametrize("code", [-1, 2016])
def test_codes_out_of_range_are_refused(toy_codec, code):
    with pytest.raises(ValueError, match=r"expected 0\.\.2015"):
        toy_codec.decode(torch.full((1, 8, 3), code))


@pytest.mark.parametrize("frames", [[6, 5], [5, -1], [5]])
def test_impossible_frames_are_refused(toy_codec, frames):
    with pytest.raises(ValueError, match=r"got frames .*expected 2 numbers in 0..5"):
        toy_codec.decode(toys.random_codes(2, 5), torch.tensor(frames))


def test_the_fingerprint_is_that_of_the_encoder_and_its_configuration():
    codec = toys.toy_codec()
    fingerprint = codec.fingerprint
    assert len(fingerprint) == 16 and int(fingerprint, 16) >= 0
    assert toys.toy_codec(seed=1).fingerprint != fingerprint
    with torch.no_grad():
        for part in (codec.decoder, codec.vocoder):
            for parameter in part.parameters():
                parameter.add_(1)
    assert codec.fingerprint == fingerprint
    with torch.no_grad():
        codec.encoder.coarse[0].scale[3] += 0.01
    assert codec.fingerprint != fingerprint


@pytest.mark.parametrize(("change", "same"), [({"decoder_dims": (8, 8)}, True), ({"name": "other"}, False)])
def test_a_decoder_of_another_size_speaks_the_same_codes(toy_codec, change, same):
    other = LiteCodec(replace(toys.TOY_CODEC, **change))
    other.encoder.load_state_dict(toy_codec.encoder.state_dict())
    assert (other.fingerprint == toy_codec.fingerprint) is same
