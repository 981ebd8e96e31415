"""Losses whose value is known."""

import pytest
import torch

from codec.training.adversarial import DiscriminatorOutput
from codec.training.lite.losses import feature_loss, feature_matching_loss, usage_loss

BANDS = 10


def target(voiced: bool = True) -> torch.Tensor:
    features = torch.randn(2, 6, BANDS + 2)
    features[..., -1] = 1.0 if voiced else -1.0
    return features


def test_equal_features_cost_nothing():
    assert feature_loss(target(), target(), 8.0) > 0
    same = target()
    assert feature_loss(same.clone(), same, 8.0) == 0


@pytest.mark.parametrize(
    ("value", "voiced", "cost"),
    [
        (slice(0, BANDS), True, 0.5),  # bands: as they are
        (slice(0, 1), True, 0.5 / BANDS),
        (-1, True, 0.05),  # voicing: a tenth
        (-2, True, 8 * 1.02 * 0.5),  # pitch: where there is one
        (-2, False, 8 * 0.02 * 0.5),
    ],
)
def test_what_an_error_of_a_half_costs(value, voiced, cost):
    wanted = target(voiced)
    estimate = wanted.clone()
    estimate[..., value] += 0.5
    assert float(feature_loss(estimate, wanted, 8.0)) == pytest.approx(cost, rel=1e-4)


def output(level: float) -> DiscriminatorOutput:
    """Of a discriminator whose layers give `level` and twice as much."""
    return DiscriminatorOutput(
        torch.zeros(2, 1, 3, 4), [torch.full((2, 4, 3, 8), level), torch.full((2, 8, 3, 4), 2 * level)]
    )


def test_matching_is_relative_to_the_level_of_each_layer():
    assert float(feature_matching_loss(output(1.0), output(1.0))) == 0
    assert float(feature_matching_loss(output(1.0), output(1.5))) == pytest.approx(0.5, rel=1e-3)
    assert float(feature_matching_loss(output(10.0), output(15.0))) == pytest.approx(0.5, rel=1e-3)


def test_matching_teaches_the_fake_side_only():
    real, fake = output(1.0), output(2.0)
    for part in (*real.features, *fake.features):
        part.requires_grad_()
    feature_matching_loss(real, fake).backward()
    assert all(part.grad is None for part in real.features)
    assert all(part.grad.abs().max() > 0 for part in fake.features)


def squashed(seed: int = 0) -> torch.Tensor:
    """Channels that are uniform and independent, [4, 8, 256]."""
    return torch.rand(4, 8, 256, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_codes_used_alike_cost_nothing():
    assert usage_loss(squashed()) < 0.01


def test_levels_that_are_not_used_and_channels_that_say_the_same_cost():
    narrow, constant, alike = squashed() * 0.3, torch.zeros(4, 8, 256), squashed()
    alike[:, 1] = alike[:, 0]
    assert usage_loss(narrow) > 0.3
    assert usage_loss(constant) > usage_loss(narrow)
    assert usage_loss(alike) > usage_loss(squashed()) + 0.02


def test_the_way_to_even_use_is_shown():
    latents = (torch.randn(2, 4, 128, generator=torch.Generator().manual_seed(0)) * 0.2).requires_grad_()
    optimizer, before = torch.optim.Adam([latents], lr=0.05), usage_loss(torch.tanh(latents)).item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = usage_loss(torch.tanh(latents))
        loss.backward()
        optimizer.step()
    assert loss < 0.2 * before
