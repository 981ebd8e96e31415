"""The lite codec's networks: shapes, and that every weight learns."""

import torch

import toys
from codec.lite.features import num_features

CONFIG = toys.TOY_CODEC


def test_networks_have_one_latent_per_digit_and_frame(toy_codec):
    features = torch.randn(2, 12, num_features(CONFIG))
    with torch.no_grad():
        latents = toy_codec.encoder(features)
        assert latents.shape == (2, 32, 3)
        assert toy_codec.decoder(torch.tanh(latents)).shape == features.shape


def test_the_networks_learn(toy_codec):
    codec = toys.toy_codec()
    features = torch.randn(1, 16, num_features(CONFIG))
    values, _ = codec.quantizer(codec.encoder(features))
    codec.vocoder.envelope(codec.decoder(values)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in codec.parameters())
    assert codec.encoder.input.weight.grad.abs().max() > 0
