"""The linear start: far better than noise, with most levels in use."""

import torch

import toys
from codec import LiteCodec
from codec.lite.features import extract_features
from codec.metrics import codebook_use
from codec.training.lite.linear_start import GAIN, start_from_components
from codec.training.lite.losses import feature_loss


def speech(numbers: range) -> torch.Tensor:
    """Features [B, S, W] of synthetic utterances of 24 codec frames."""
    audio = torch.stack([torch.from_numpy(toys.utterance(i, 1.2))[: 24 * toys.HOP] for i in numbers])
    return extract_features(audio, toys.TOY_CODEC)


@torch.no_grad()
def error(codec: LiteCodec, features: torch.Tensor) -> float:
    return float(feature_loss(codec.decoder(codec.quantizer(codec.encoder(features))[0]), features, 8.0))


def test_the_linear_start_is_far_better_than_a_random_one():
    codec, known, unknown = LiteCodec(toys.TOY_CODEC), speech(range(10)), speech(range(20, 23))
    before = error(codec, known), error(codec, unknown)
    start_from_components(codec, known)
    assert error(codec, known) < 0.6 * before[0]
    assert error(codec, unknown) < 0.8 * before[1]


def test_the_linear_start_uses_the_codebooks_and_is_always_the_same():
    features = speech(range(6))
    codecs = [LiteCodec(toys.TOY_CODEC) for _ in range(2)]
    for codec in codecs:
        start_from_components(codec, features)
    for name in ("weight", "bias"):
        assert torch.equal(getattr(codecs[0].encoder.linear, name), getattr(codecs[1].encoder.linear, name))
        assert torch.allclose(
            getattr(codecs[0].decoder.linear, name), getattr(codecs[1].decoder.linear, name), atol=1e-5
        )
    frames = features.unflatten(1, (-1, 4)).flatten(2)
    latents = codecs[0].encoder.linear(frames)
    assert torch.allclose(latents.flatten(0, 1).std(0), torch.tensor(GAIN), rtol=0.02)
    assert latents.mean(dim=(0, 1)).abs().max() < 0.01
    used = codebook_use(codecs[0].encode_features(features), 2016)
    assert all(book.perplexity > 5 for book in used)
