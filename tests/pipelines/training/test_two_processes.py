"""A lite codec trained by two processes is the one trained by one, discriminators running (gloo, on a CPU)."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

import toys
from pipelines.training.resume import LAST
from sources import ROOT

STEPS, FROZEN = 14, 4


def trained(root: Path, name: str, *more: str) -> dict[str, torch.Tensor]:
    """Weights of the debug codec after STEPS steps."""
    flags = ["--config", "codec/debug", f"--manifest={root / 'manifest.jsonl'}", f"--run_dir={root / name}"]
    flags += [f"--optim.max_steps={STEPS}", f"--optim.freeze_from={FROZEN}", "--trainer.accelerator=cpu", *more]
    command = [sys.executable, str(ROOT / "pipelines/train_codec.py"), *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=600)
    assert not done.returncode, done.stderr[-2000:]
    state: dict[str, torch.Tensor] = torch.load(root / name / LAST, weights_only=True)["state_dict"]
    assert int(state.pop("step")) == STEPS
    return {name: tensor.float() for name, tensor in state.items()}


def distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], part: str) -> float:
    """Between the weights of a part of two models."""
    return sum(float((one[name] - other[name]).square().sum()) for name in one if name.startswith(part)) ** 0.5


@pytest.mark.slow
def test_two_processes_are_one_with_twice_the_batch(tmp_path):
    """AdamW turns the smallest difference of a tiny gradient into a step, hence a hundredth of what was learnt."""
    toys.write_corpus(tmp_path)
    begin = trained(tmp_path, "begin", "--batch_size=8", "--optim.learning_rate=0", "--optim.frozen_learning_rate=0",
                    "--optim.discriminator_learning_rate=0")  # fmt: skip
    one = trained(tmp_path, "one", "--batch_size=8")
    two = trained(tmp_path, "two", "--batch_size=4", "--trainer.devices=2")
    for part in ("codec.encoder", "codec.decoder", "codec.vocoder", "discriminators"):
        assert distance(one, two, part) < 0.01 * distance(one, begin, part), part
