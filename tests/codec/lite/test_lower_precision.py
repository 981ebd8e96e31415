"""Codecs that decode in bfloat16: their codes are the same, their sound nearly so, and a stream is still the whole."""

import pytest
import torch

import toys
from codec import Codec, HiFiGANCodec
from codec.interface import has_bfloat16
from parity.reduced import reduced

needs_bfloat16 = pytest.mark.skipif(not has_bfloat16(torch.zeros(1)), reason="this processor has no bfloat16 products")


def lowered(kind: str) -> tuple[Codec, Codec]:
    """A codec in float32, and the same one lowered."""
    if kind == "lite":
        return toys.toy_codec(), toys.toy_codec().lower_precision()
    codecs = []
    for _ in range(2):
        torch.manual_seed(0)
        codecs.append(HiFiGANCodec(reduced("nanocodec-21.5fps")).eval())
    return codecs[0], codecs[1].lower_precision()


@needs_bfloat16
@pytest.mark.parametrize("kind", ["lite", "hifigan"])
def test_only_the_sound_changes_and_that_a_little(kind):
    exact, low = lowered(kind)
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
    _, low = lowered("lite")
    codes = toys.random_codes(2, 40)
    stream = low.stream()
    pieces = [stream.push(codes[:, :, start : start + 7]) for start in range(0, 40, 7)]
    with torch.inference_mode():
        whole, streamed = low.decode(codes), torch.cat([*pieces, stream.flush()], dim=-1)
    assert (whole - streamed).abs().mean() < 0.02 * whole.abs().mean()


@needs_bfloat16
def test_the_number_of_frames_does_not_change_a_product():
    block = next(m for m in toys.toy_codec().lower_precision().vocoder.modules() if hasattr(m, "packed"))
    x = torch.randn(1, 70, block.up.in_features)
    with torch.inference_mode():
        whole = block.mlp(x)
        assert all(torch.equal(block.mlp(x[:, :count]), whole[:, :count]) for count in (1, 31, 32, 33, 64))


def test_gradients_stay_exact():
    exact, low = lowered("lite")
    x = torch.randn(1, 9, exact.vocoder.input.in_features)
    assert torch.equal(exact.vocoder.envelope(x), low.vocoder.envelope(x))
