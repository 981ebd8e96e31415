"""The paper's recipe: sizes of its discriminators, its losses, and that runs resume and spread over processes."""

import json
import subprocess
import sys
from math import gcd
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import toys

pytest.importorskip("lightning", reason="training needs lfsc-tts[train]")

from codec import HiFiGANCodec, load
from codec.training.adversarial import DiscriminatorOutput
from codec.training.lfsc.discriminators import SpeechModelDiscriminator, resample, resampling_filters
from codec.training.lfsc.losses import matching_loss, mel_loss, stft_loss
from codec.training.lfsc.module import HiFiGANOptim, LitHiFiGAN, build_discriminators
from pipelines import train_codec
from pipelines.training.trainer import Checkpoint
from training_toys import TOY, TOY_OPTIM

ROOT = Path(__file__).resolve().parents[4]


def size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_discriminators_have_the_published_sizes():
    discriminators = build_discriminators(HiFiGANOptim(speech_model=None), 22_050)
    assert sum(size(m) for m in discriminators.members[:5]) == 472_490
    assert sum(size(m) for m in discriminators.members[5:]) == 41_105_770
    head = SpeechModelDiscriminator(lambda audio: [], 13, 768, 22_050)
    assert round(size(head) / 1e6, 2) == 1.17


def test_losses_are_zero_for_the_same_and_grow_with_the_error():
    audio = torch.from_numpy(np.stack([toys.voiced(150.0), toys.voiced(220.0)]))
    bands, n_ffts = (5, 40, 80), (32, 256, 512)
    for loss in (lambda x: mel_loss(x, audio, 22_050, n_ffts, bands), lambda x: stft_loss(x, audio, n_ffts)):
        assert loss(audio) == 0
        assert 0 < loss(audio * 0.9) < loss(audio * 0.5)


def test_losses_at_silence_have_finite_gradients():
    audio = torch.zeros(1, 4096, requires_grad=True)
    (mel_loss(audio, audio.detach() + 0.1, 22_050, (256,), (20,)) + stft_loss(audio, audio.detach(), (256,))).backward()
    assert torch.isfinite(audio.grad).all()


def test_feature_matching_is_absolute():
    real, fake = ([DiscriminatorOutput(torch.ones(1), [torch.full((4,), level)])] for level in (3.0, 5.0))
    assert matching_loss(real, fake) == 2.0


@pytest.mark.parametrize(("rate", "target"), [(22_050, 16_000), (44_100, 16_000), (16_000, 16_000)])
def test_resampling_keeps_tones(rate, target):
    time = torch.arange(rate) / rate
    audio = torch.sin(2 * torch.pi * 440 * time)[None]
    out = resample(audio, resampling_filters(rate, target), rate // gcd(rate, target), target // gcd(rate, target))
    assert out.shape == (1, target)
    expected = torch.sin(2 * torch.pi * 440 * torch.arange(target) / target)
    assert (out[0] - expected)[200:-200].abs().max() < 2e-3


@pytest.fixture(scope="module")
def speech_model(tmp_path_factory) -> Path:
    """A small WavLM of random weights."""
    transformers = pytest.importorskip("transformers", reason="the speech-model discriminator needs transformers")
    config = transformers.WavLMConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8, 8),
        conv_stride=(5, 4),
        conv_kernel=(10, 8),
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    )
    folder = tmp_path_factory.mktemp("wavlm")
    transformers.WavLMModel(config).save_pretrained(folder)
    return folder


def test_a_speech_model_listens_and_stays_frozen(speech_model):
    optim = HiFiGANOptim(periods=(), spectrum_n_ffts=(), speech_model=str(speech_model))
    discriminators = build_discriminators(optim, 22_050)
    audio = torch.from_numpy(toys.voiced(150.0, 0.5))[None].requires_grad_()
    ((scores, features),) = discriminators(audio)
    scores.mean().backward()
    assert len(features) == 3
    assert audio.grad.abs().max() > 0
    frozen = discriminators.members[0].frozen[0]
    assert not any(p.requires_grad or p.grad is not None for p in frozen.parameters())
    assert not any("frozen" in name for name in discriminators.state_dict())
    assert not frozen.train().training


def toy_module(**changes) -> LitHiFiGAN:
    torch.manual_seed(0)
    values = {**TOY_OPTIM.__dict__, **changes}
    return LitHiFiGAN(HiFiGANCodec(TOY), HiFiGANOptim(**values))


def test_rounding_comes_in_at_its_step():
    module = toy_module(quantize_from=3)
    audio = torch.from_numpy(toys.voiced(150.0, 0.5))[None, :4096]
    before = module.reconstruct(audio)
    module.step += 3
    assert not torch.equal(module.reconstruct(audio), before)


def test_the_learning_rate_steps_down():
    module = toy_module()
    rates = []
    for _ in range(5):
        rates.append(module.learning_rate())
        module.step += 1
    assert rates == pytest.approx([2e-4, 2e-4, 2e-4 * 0.998, 2e-4 * 0.998, 2e-4 * 0.998**2])


def flags(tmp_path: Path, name: str, *more: str) -> list[str]:
    """Flags that train the toy in tmp_path/name; its corpus and configuration are made by the first call."""
    if not (tmp_path / "manifest.jsonl").is_file():
        toys.write_corpus(tmp_path)
        values = {"codec": TOY.to_dict(), "optim": TOY_OPTIM.__dict__}
        values |= {"batch_size": 4, "segment_frames": 16, "validation_items": 2, "num_workers": 0}
        values |= {"trainer": {"accelerator": "cpu", "log_every_n_steps": 1}}
        (tmp_path / "toy.yaml").write_text(json.dumps(values))  # JSON is YAML
    paths = [f"--manifest={tmp_path / 'manifest.jsonl'}", f"--run_dir={tmp_path / name}"]
    return ["--config", str(tmp_path / "toy.yaml"), *paths, *more]


def weights(folder: Path) -> torch.Tensor:
    state = torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]
    assert int(state["step"]) == TOY_OPTIM.max_steps
    return torch.cat([tensor.flatten().float() for _, tensor in sorted(state.items())])


def train(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["train_codec.py", *arguments])
    train_codec.main()


def test_resumed_is_uninterrupted(tmp_path, monkeypatch):
    train(monkeypatch, *flags(tmp_path, "whole"))
    save = Checkpoint.save

    def save_and_break(self, trainer):
        save(self, trainer)
        if trainer.lightning_module.step == 2:
            raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_and_break)
        with pytest.raises(RuntimeError, match="power cut"):
            train(monkeypatch, *flags(tmp_path, "parts", "--checkpoint_minutes=0"))
    train(monkeypatch, *flags(tmp_path, "parts"))
    assert torch.equal(weights(tmp_path / "parts"), weights(tmp_path / "whole"))
    assert isinstance(load(tmp_path / "whole/codec"), HiFiGANCodec)
    assert list((tmp_path / "whole/samples").rglob("*.wav"))


def gradients(folder: Path) -> torch.Tensor:
    """Of the first step: a share of them is what Adam remembers."""
    states = torch.load(folder / "last.ckpt", weights_only=True)["optimizer_states"]
    return torch.cat([values["exp_avg"].flatten() for state in states for _, values in sorted(state["state"].items())])


@pytest.mark.slow
def test_two_processes_are_one_with_twice_the_batch(tmp_path):
    """Compares gradients: Adam turns the smallest difference of a tiny one into a whole step."""
    for name, more in (("one", ()), ("two", ("--batch_size=2", "--trainer.devices=2"))):
        arguments = flags(tmp_path, name, "--optim.max_steps=1", *more)
        command = [sys.executable, ROOT / "pipelines/train_codec.py", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=600)
        assert done.returncode == 0, done.stderr[-3000:]
    one, two = (gradients(tmp_path / name) for name in ("one", "two"))
    assert one.norm() > 0
    assert (two - one).norm() < 1e-3 * one.norm()
