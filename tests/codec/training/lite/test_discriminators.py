"""The patch discriminator: shapes, its patch, and that it learns to tell blurred images from sharp ones."""

import torch

from codec.training.adversarial import discriminator_loss
from codec.training.lite.discriminators import PatchDiscriminator


def test_a_score_for_every_patch_and_the_features_of_every_layer():
    scores, features = PatchDiscriminator(4)(torch.randn(2, 32, 87))
    assert scores.shape == (2, 1, 32, 6)
    assert [tuple(f.shape) for f in features] == [(2, 4, 32, 44), (2, 4, 32, 22), (2, 8, 32, 11), (2, 8, 32, 6)]


@torch.no_grad()
def test_a_patch_is_eleven_frames_long():
    discriminator, image = PatchDiscriminator(4), torch.randn(1, 40, 87)
    changed = image.clone()
    changed[:, 20] += 1
    seen = (discriminator(image)[0] != discriminator(changed)[0]).any(-1)[0, 0].nonzero()[:, 0]
    assert seen.tolist() == list(range(15, 26))


def test_items_are_scored_apart():
    discriminator, images = PatchDiscriminator(4), torch.randn(3, 16, 40)
    assert torch.allclose(discriminator(images)[0][1:2], discriminator(images[1:2])[0], atol=1e-5)


def test_blurred_images_are_told_from_sharp_ones():
    discriminator = PatchDiscriminator(4)
    optimizer = torch.optim.AdamW(discriminator.parameters(), 1e-2)
    real = torch.randn(4, 16, 40)
    fake = torch.nn.functional.avg_pool1d(real, 5, 1, 2)
    losses = []
    for _ in range(30):
        loss = discriminator_loss(discriminator(real), discriminator(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
