"""Codecs that decode in bfloat16: their codes are the same, their sound nearly so, and each goes its own way."""

import copy

import pytest
import torch

import toys
from codec import Codec, HiFiGANCodec, save
from codec.lite.convnext import BFloat16Block
from codec.precision import has_bfloat16
from parity.reduced import reduced

needs_bfloat16 = pytest.mark.skipif(not has_bfloat16(torch.zeros(1)), reason="this processor has no bfloat16 products")
every_family = pytest.mark.parametrize("family", ["lite", "hifigan"])


def make(family: str, seed: int = 0) -> Codec:
    if family == "lite":
        return toys.toy_codec(seed)
    torch.manual_seed(seed)
    return HiFiGANCodec(reduced("nanocodec-21.5fps")).eval()


@needs_bfloat16
@every_family
def test_only_the_sound_changes_and_that_a_little(family):
    exact, low = make(family), make(family).lower_precision()
    audio = torch.from_numpy(toys.utterance(2))[None, None]
    assert low.fingerprint == exact.fingerprint
    assert torch.equal(low.encode(audio)[0], exact.encode(audio)[0])
    codes = toys.random_codes(2, 12)
    with torch.inference_mode():
        a, b = exact.decode(codes), low.decode(codes)
    assert b.dtype == torch.float32
    assert not torch.equal(a, b)
    # Envelopes are compared and not samples: a pulse train in another phase sounds the same.
    a, b = (x.abs().unfold(-1, 512, 512).mean(-1) for x in (a, b))
    assert (a - b).abs().max() < 0.1 * a.max()


@needs_bfloat16
def test_a_stream_is_still_the_whole():
    low = make("lite").lower_precision()
    codes = toys.random_codes(2, 40)
    stream = low.stream()
    pieces = [stream.push(codes[:, :, start : start + 7]) for start in range(0, 40, 7)]
    with torch.inference_mode():
        whole, streamed = low.decode(codes), torch.cat([*pieces, stream.flush()], dim=-1)
    assert (whole - streamed).abs().mean() < 0.02 * whole.abs().mean()


@needs_bfloat16
def test_the_number_of_frames_does_not_change_a_product():
    block = next(m for m in make("lite").lower_precision().vocoder.modules() if isinstance(m, BFloat16Block))
    x = torch.randn(1, 70, len(block.scale))
    with torch.inference_mode():
        whole = block.mlp(x)
        assert all(torch.equal(block.mlp(x[:, :count]), whole[:, :count]) for count in (1, 31, 32, 33, 64))


@every_family
def test_the_codec_that_was_lowered_stays_exact_with_its_gradients(family):
    codec, exact = make(family), make(family)
    codec.lower_precision()
    codes = toys.random_codes(1, 9)
    assert torch.equal(codec.decode(codes), exact.decode(codes))
    for one in (codec, exact):
        one.decoder(one.quantizer.decode(codes)).square().sum().backward()
    for ours, wanted in zip(codec.decoder.parameters(), exact.decoder.parameters(), strict=True):
        assert torch.equal(ours.grad, wanted.grad)


def test_gradients_stay_exact():
    codec, exact = make("lite"), make("lite")
    codec.lower_precision()
    x = torch.randn(1, 9, exact.vocoder.input.in_features)
    assert torch.equal(exact.vocoder.envelope(x), codec.vocoder.envelope(x))


@every_family
def test_weights_that_change_after_lowering_are_heard(family):
    codec, other, codes = make(family), make(family, seed=1), toys.random_codes(1, 9)
    low = codec.lower_precision()
    before = low.decode(codes)
    codec.load_state_dict(other.state_dict())
    assert torch.equal(codec.decode(codes), other.decode(codes))
    assert torch.equal(codec.lower_precision().decode(codes), other.lower_precision().decode(codes))
    if low is not codec:
        assert torch.equal(low.decode(codes), before)


@needs_bfloat16
def test_what_was_lowered_takes_and_gives_no_weights_and_no_gradients(tmp_path):
    low = make("lite").lower_precision()
    with pytest.raises(RuntimeError, match="takes no weights"):
        low.load_state_dict(make("lite", seed=1).state_dict())
    with pytest.raises(RuntimeError, match="no weights to save"):
        save(low, tmp_path)
    with pytest.raises(RuntimeError, match="without gradients"):
        low.vocoder.envelope(torch.randn(1, 9, low.vocoder.input.in_features))


@every_family
def test_a_lowered_codec_can_be_copied_and_lowered_again(family):
    low, codes = make(family).lower_precision(), toys.random_codes(1, 9)
    wanted = low.decode(codes)
    assert torch.equal(copy.deepcopy(low).decode(codes), wanted)
    assert torch.equal(low.lower_precision().decode(codes), wanted)
