"""A step in parts is the step of all at once, and what is computed anew on the way back is what was computed before."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("lightning", reason="training needs lfsc-tts[train]")
import toys
from codec import HiFiGANCodec
from codec.hifigan.layers import ResidualLayer
from codec.lite.convnext import ConvNeXtBlock
from codec.training.accumulating import recompute, recomputed, shares_of
from codec.training.lfsc import module as lfsc_module
from codec.training.lfsc.module import LitHiFiGAN
from codec.training.lite import module as lite_module
from codec.training.lite.module import LitCodec
from codec.training.lite.optim import CodecOptim
from pipelines import train_codec
from training_toys import TOY, TOY_OPTIM, without_trainer

SIZE, STEPS = 6, 3


def lite(*given: Any, freeze_from: int = 2, **options: Any) -> LitCodec:
    torch.manual_seed(0)
    optim = CodecOptim(freeze_from=freeze_from, discriminator_channels=4, warmup_steps=1, usage_weight=0.5)
    return LitCodec(toys.toy_codec().train(), optim, *given, **options)


def hifigan(*given: Any) -> LitHiFiGAN:
    torch.manual_seed(0)
    return LitHiFiGAN(HiFiGANCodec(TOY), TOY_OPTIM, None, *given)


def batch(module: Any, seed: int) -> Any:
    """Audio [SIZE, N], some of it padded for the family that knows of it."""
    codec = module.codec
    parts = [torch.from_numpy(toys.utterance(SIZE * seed + item, 1.2))[: 12 * codec.hop_length] for item in range(SIZE)]
    audio = torch.stack(parts)
    if isinstance(module, LitCodec):
        return audio
    lengths = torch.tensor([audio.shape[1] - 300 * item for item in range(SIZE)])
    for item, length in enumerate(lengths.tolist()):
        audio[item, length:] = 0
    return [audio, lengths]


def trained(module: Any) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Weights and states of the optimisers after some steps, and the last losses."""
    logged = without_trainer(module)
    for step in range(STEPS):
        module.training_step(batch(module, step), step)
    found = dict(module.state_dict())
    for number, optimizer in enumerate(module.optimizers()):
        for key, state in optimizer.state_dict()["state"].items():
            found |= {f"{number}.{key}.{name}": tensor for name, tensor in state.items()}
    return found, logged


def worst(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys() and len(one) > 20
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


@pytest.mark.parametrize("family", [lite, hifigan])
@pytest.mark.parametrize("parts", [2, 4])
def test_parts_are_the_whole(family, parts):
    """Six segments in four parts are two, two, one and one; both phases of a lite codec are met."""
    whole, other = trained(family()), trained(family(parts))
    assert worst(whole[0], other[0]) < 1e-5
    for name, value in whole[1].items():
        assert float(other[1][name]) == pytest.approx(float(value), rel=1e-4), name
    assert set(whole[1]) == set(other[1]) and len(whole[1]) >= 5


@pytest.mark.parametrize("family", [lite, hifigan])
def test_parts_of_another_weight_would_be_noticed(family, monkeypatch):
    """The comparison above is no comparison of nothing."""
    whole = trained(family())[0]
    module = lite_module if family is lite else lfsc_module
    monkeypatch.setattr(module, "shares_of", lambda *given: [(which, 0.5) for which, _ in shares_of(*given)])
    assert worst(whole, trained(family(4))[0]) > 1e-3


def gradients(module: Any, checkpointing: bool) -> list[torch.Tensor]:
    """Of the codec, after the first step."""
    without_trainer(module)
    module.training_step(batch(module, 0), 0)
    return [parameter.grad.clone() for parameter in module.codec.parameters() if parameter.grad is not None]


@pytest.mark.parametrize(
    ("make", "kind"), [(lite, ConvNeXtBlock), (lambda *given: lite(*given, freeze_from=0), ConvNeXtBlock),
                       (hifigan, ResidualLayer)], ids=["lite", "frozen", "hifigan"])  # fmt: skip
def test_what_is_computed_anew_gives_the_same_gradients(make, kind, monkeypatch):
    calls, forward = [], kind.forward
    monkeypatch.setattr(kind, "forward", lambda self, *args: calls.append(self) or forward(self, *args))
    plain = gradients(make(), False)
    once = len(calls)
    anew = gradients(make(1, True), True)
    assert len(calls) - once > once  # some are called a second time
    assert len(plain) == len(anew) > 10
    assert max(float((a - b).abs().max()) for a, b in zip(plain, anew, strict=True)) < 1e-6


def test_parts_and_computing_anew_go_together():
    assert worst(trained(hifigan())[0], trained(hifigan(3, True))[0]) < 1e-5


def test_random_numbers_are_the_same_the_second_time():
    torch.manual_seed(0)
    layer, x = (
        torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.Dropout(0.5), torch.nn.Linear(64, 8)),
        torch.rand(4, 8),
    )
    found = []
    for forward in (layer.forward, recomputed(layer.forward)):
        torch.manual_seed(1)
        layer.zero_grad()
        (forward(x) * torch.rand(4, 8)).sum().backward()
        found.append(([p.grad.clone() for p in layer.parameters()], torch.rand(1)))
    (plain, after), (anew, later) = found
    assert all(torch.equal(a, b) for a, b in zip(plain, anew, strict=True)) and torch.equal(after, later)


def test_nothing_is_computed_anew_without_gradients():
    codec = toys.toy_codec()
    features = torch.rand(1, 16, codec.encoder.input.in_features)
    with torch.no_grad():
        before = codec.encoder(features)
        recompute(codec, ConvNeXtBlock)
        assert torch.equal(codec.encoder(features), before)


FLAGS = {"batch_size": 2, "batches_per_step": 2, "segment_frames": 12, "validation_items": 2, "num_workers": 0}


def run(folder: Path, name: str, *more: str) -> None:
    values = {"codec": TOY.to_dict(), "optim": TOY_OPTIM.__dict__, **FLAGS}
    values["trainer"] = {"accelerator": "cpu", "enable_progress_bar": False, "log_every_n_steps": 1}
    (folder / "toy.yaml").write_text(json.dumps(values))  # JSON is YAML
    paths = [f"--manifest={folder / 'manifest.jsonl'}", f"--run_dir={folder / name}"]
    train_codec.main(["--config", str(folder / "toy.yaml"), *paths, *more])


def test_a_run_in_parts_is_one_of_larger_batches_and_goes_on_in_the_middle(tmp_path, monkeypatch):
    toys.write_corpus(tmp_path, 6)
    run(tmp_path, "whole", "--batch_size=4", "--batches_per_step=1")
    step = LitHiFiGAN.training_step

    def fail(self, batch, batch_idx):
        if self.steps == 2:
            raise RuntimeError("the machine goes down")
        step(self, batch, batch_idx)

    run(tmp_path, "parts", "--activation_checkpointing=true")
    with monkeypatch.context() as patch:
        patch.setattr(LitHiFiGAN, "training_step", fail)
        with pytest.raises(RuntimeError, match="goes down"):
            run(tmp_path, "cut", "--activation_checkpointing=true", "--checkpoint_minutes=0")
    run(tmp_path, "cut", "--activation_checkpointing=true")
    whole, parts, cut = (
        torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("whole", "parts", "cut")
    )
    assert whole["items"] == parts["items"] == cut["items"] == 4 * TOY_OPTIM.max_steps
    assert worst(whole["state_dict"], parts["state_dict"]) < 1e-5
    assert all(torch.equal(parts["state_dict"][name], tensor) for name, tensor in cut["state_dict"].items())
