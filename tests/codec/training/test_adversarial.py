"""Least-squares losses whose value is known, and checkpoints of former names."""

import pytest
import torch

from codec.training.adversarial import (
    DiscriminatorOutput,
    adversarial_loss,
    check_finite,
    discriminator_loss,
    rename_discriminators,
)


def output(score: float) -> DiscriminatorOutput:
    return DiscriminatorOutput(torch.full((2, 1, 3, 4), score), [])


@pytest.mark.parametrize(("score", "loss"), [(1.0, 0.0), (0.0, 1.0), (3.0, 4.0)])
def test_the_codec_is_to_be_taken_for_real(score, loss):
    assert float(adversarial_loss(output(score))) == loss


@pytest.mark.parametrize(("real", "fake", "loss"), [(1.0, 0.0, 0.0), (0.0, 1.0, 1.0), (0.5, 0.5, 0.25)])
def test_the_discriminator_is_to_tell_them_apart(real, fake, loss):
    assert float(discriminator_loss(output(real), output(fake))) == loss


def test_former_names_of_weights_become_todays():
    checkpoint = {"state_dict": {"judges.members.0.output.bias": 1, "codec.judges.x": 2, "step": 3}, "epoch": 4}
    rename_discriminators(checkpoint)
    renamed = {"discriminators.members.0.output.bias": 1, "codec.judges.x": 2, "step": 3}
    assert checkpoint == {"state_dict": renamed, "epoch": 4}
    rename_discriminators(checkpoint)
    assert checkpoint["state_dict"] == renamed


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_told_with_its_step(bad):
    check_finite([torch.tensor(1.0), torch.tensor(2.0)], 3)
    with pytest.raises(FloatingPointError, match=f"the loss became {bad} in step 4"):
        check_finite([torch.tensor(1.0), torch.tensor(bad), torch.tensor(float("nan"))], 3)
