"""Training under bfloat16 autocast: networks may be rounded, what they are judged by is not."""

import pytest
import torch
from torch import Tensor

import toys

pytest.importorskip("lightning", reason="training needs lfsc-tts[train]")

from codec import HiFiGANCodec
from codec.training.adversarial import DiscriminatorOutput, adversarial_loss, discriminator_loss
from codec.training.lfsc import losses
from codec.training.lfsc.module import LitHiFiGAN
from codec.training.lite.losses import feature_matching_loss, usage_loss
from codec.training.lite.module import LitCodec
from codec.training.lite.optim import CodecOptim
from parity.reduced import reduced
from training_toys import TOY, TOY_OPTIM, without_trainer


def autocast() -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16)


def speech() -> Tensor:
    return torch.from_numpy(toys.utterance(2))[None, : 16 * 1024]


@pytest.mark.parametrize("config", [reduced("nanocodec-21.5fps"), TOY], ids=["nano", "toy"])
def test_decoded_audio_is_not_rounded(config):
    torch.manual_seed(0)
    module = LitHiFiGAN(HiFiGANCodec(config), TOY_OPTIM)
    with autocast():
        audio = module.reconstruct(speech())
    assert audio.dtype == torch.float32
    assert not torch.equal(audio, audio.bfloat16().float())


def test_spectra_and_their_distances_are_those_of_float32():
    real, fake = speech(), speech() * 0.7

    def everything() -> list[Tensor]:
        return [
            losses.magnitudes(fake, 512, "reflect"),
            losses.log_mels(fake, toys.RATE, 512, 40),
            losses.mel_loss(fake, real, toys.RATE, (64, 512), (5, 40)),
            losses.stft_loss(fake, real, (64, 512)),
            usage_loss(torch.tanh(real.view(1, 32, -1))),
        ]

    wanted = everything()
    with autocast():
        found = everything()
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == torch.float32 and torch.equal(a, b)


def test_sums_over_rounded_scores_are_not_rounded():
    scores = torch.randn(4, 1, 1000).bfloat16()
    real, fake = (DiscriminatorOutput(part, [part]) for part in (scores, scores * 2))
    exact_real, exact_fake = (DiscriminatorOutput(x.scores.float(), [x.scores.float()]) for x in (real, fake))
    with autocast():
        for loss in (discriminator_loss, feature_matching_loss):
            assert loss(real, fake).dtype == torch.float32
            assert torch.equal(loss(real, fake), loss(exact_real, exact_fake))
        assert torch.equal(losses.matching_loss([real], [fake]), losses.matching_loss([exact_real], [exact_fake]))
        assert torch.equal(adversarial_loss(fake), adversarial_loss(exact_fake))


def test_a_step_of_either_trainer_has_losses_in_float32():
    paper = LitHiFiGAN(HiFiGANCodec(TOY), TOY_OPTIM)
    lite = LitCodec(toys.toy_codec(), CodecOptim(freeze_from=1, discriminator_channels=4, usage_weight=1.0))
    for module, steps in ((paper, 1), (lite, 2)):
        logged = without_trainer(module)
        for number in range(steps):
            with autocast():
                module.training_step(speech(), number)
        assert len(logged) >= 5
        assert all(value.dtype == torch.float32 and torch.isfinite(value) for value in logged.values()), logged
