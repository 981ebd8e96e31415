"""A lite codec trained by two processes is the one trained by one, discriminators running (gloo, on a CPU)."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

import toys
from codec import save
from pipelines.training.resume import LAST
from sources import ROOT

STEPS, FROZEN = 14, 4


def gradients(root: Path, name: str, *more: str) -> list[torch.Tensor]:
    """Of STEPS steps of the debug codec, of each optimiser, as Adam remembers them."""
    flags = ["--config", "codec/debug", f"--manifest={root / 'manifest.jsonl'}", f"--run_dir={root / name}"]
    flags += [f"--optim.{rate}learning_rate=0" for rate in ("", "frozen_", "discriminator_")]
    flags += [f"--optim.max_steps={STEPS}", f"--optim.freeze_from={FROZEN}", "--trainer.accelerator=cpu", *more]
    command = [sys.executable, str(ROOT / "pipelines/train_codec.py"), *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=600)
    assert not done.returncode, done.stderr[-2000:]
    checkpoint = torch.load(root / name / LAST, weights_only=True)
    assert int(checkpoint["state_dict"]["step"]) == STEPS
    states = [state["state"] for state in checkpoint["optimizer_states"]]
    return [torch.cat([values["exp_avg"].flatten() for _, values in sorted(state.items())]) for state in states]


@pytest.mark.slow
def test_two_processes_are_one_with_twice_the_batch(tmp_path):
    """Gradients of all steps are compared, and nothing learns: Adam makes a whole step of the smallest difference."""
    toys.write_corpus(tmp_path)
    save(toys.toy_codec(), tmp_path / "begin", torch.float32)
    begin = f"--init_from={tmp_path / 'begin'}"  # not from the linear start, which takes its time
    one = gradients(tmp_path, "one", begin, "--batch_size=8")
    two = gradients(tmp_path, "two", begin, "--batch_size=4", "--trainer.devices=2")
    assert len(one) == 3 and all(mine.norm() > 0 for mine in one)
    for mine, theirs in zip(one, two, strict=True):
        assert (mine - theirs).norm() < 1e-3 * mine.norm()
