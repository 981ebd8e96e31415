"""Runs of a module of four weights: what they write down, how they stop, go on, and refuse."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

from pipelines.shared.errors import UserError
from pipelines.training.dealing import loader, processes
from pipelines.training.resume import LAST, Run
from pipelines.training.trainer import How, commit, fit, trainer_options
from sources import ROOT

QUIET = {"enable_progress_bar": False, "enable_model_summary": False, "log_every_n_steps": 1, "accelerator": "cpu"}


class Items(Dataset[Tensor]):
    """Item i of the run is the same whenever it is reached."""

    def __init__(self, size: int, first: int = 0, bad: int = -1):
        self.size, self.first, self.bad = size, first, bad

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Tensor:
        number = self.first + index
        if number == self.bad:
            return torch.full((4,), float("nan"))
        return torch.randn(4, generator=torch.Generator().manual_seed(number))

    def names_of(self, index: int) -> list[str]:
        return [f"utterance {self.first + index}"]


class Module(lightning.LightningModule):
    """Four weights, AdamW."""

    def __init__(self, learning_rate: float = 0.1, kill: tuple[int, int] = (0, 0)):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(4))
        self.learning_rate, self.kill = learning_rate, kill
        self.register_buffer("step", torch.tensor(0))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.learning_rate, betas=(0.5, 0.9))

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        loss = (self.weight * batch).square().mean()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss became {float(loss)} in step {int(self.step) + 1}")
        self.step += 1
        self.log("train/loss", loss.detach())
        self.log("step", float(self.step))
        if int(self.step) == self.kill[0]:
            os.kill(os.getpid(), self.kill[1])
        return loss

    def validation_step(self, batch: Tensor, index: int) -> None:
        self.log("val/loss", (self.weight * batch).square().mean())


def train(folder, steps: int, module: Module | None = None, bad: int = -1, validation: bool = True, **given: Any):
    """Train to so many steps, or from where an earlier part stopped."""
    module = module or Module()
    run = Run(folder, steps, {"codec": "aaaa"}, {"seed": 0}, items_per_step=2 * processes(given))
    items = (steps - run.steps_done()) * run.items_per_step
    training = loader(Items(items, run.progress.items, bad), 2)
    held = loader(Items(2), 2) if validation else None
    fit(module, training, held, run, How(3, QUIET | given), lambda weights: None)
    return module.weight.detach().clone()


def test_options_that_are_given_win():
    options = trainer_options({"log_every_n_steps": 1, "precision": "bf16-mixed"})
    assert options == {"devices": 1, "log_every_n_steps": 1, "precision": "bf16-mixed"}


@pytest.mark.parametrize(
    "name", ["max_steps", "max_epochs", "accumulate_grad_batches", "limit_train_batches", "overfit_batches"]
)
def test_options_that_would_break_a_run_are_refused_by_name(tmp_path, name):
    with pytest.raises(UserError, match=rf"--trainer.{name} is not to be set; use .* instead"):
        train(tmp_path, 2, **{name: 2})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"presicion": "bf16-mixed"}, "presicion"),
        ({"accelerator": "cuda"}, "the trainer cannot do this"),
        ({"devices": 0}, "expected a number from 1 on"),
        ({"devices": []}, "expected a number from 1 on"),
        ({"num_nodes": 0}, "got --trainer.num_nodes=0; expected a number from 1 on"),
        ({"num_nodes": "two"}, "expected a number from 1 on"),
    ],
)
def test_a_misspelt_flag_or_a_missing_device_is_one_line(tmp_path, given, message):
    with pytest.raises(UserError, match=message) as caught:
        train(tmp_path, 2, **given)
    assert "\n" not in str(caught.value)


def test_a_run_that_was_stopped_and_gone_on_with_is_the_uninterrupted_one(tmp_path):
    whole = train(tmp_path / "whole", 7)
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path / "parts", 7, Module(kill=(3, signal.SIGTERM)))
    assert stopped.value.code == 143
    assert torch.load(tmp_path / "parts" / LAST, weights_only=True)["state_dict"]["step"] == 3
    assert torch.equal(train(tmp_path / "parts", 7), whole)
    steps = [line.split(",") for line in (tmp_path / "parts/metrics.csv").read_text().splitlines()]
    column = steps[0].index("step")
    losses = [line for line in steps[1:] if line[steps[0].index("train/loss")]]
    assert [float(line[column]) for line in losses] == [1, 2, 3, 4, 5, 6, 7]


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, capsys):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path, 7, Module(kill=(2, signal.SIGINT)))
    assert stopped.value.code == 130 and (tmp_path / LAST).is_file()
    assert "stopped after step 2 of 7; this goes on: " in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) == before


def test_a_run_that_is_over_can_be_made_longer(tmp_path):
    """Also one that the clock has ended."""
    train(tmp_path, 3)
    train(tmp_path, 5)
    assert torch.load(tmp_path / LAST, weights_only=True)["state_dict"]["step"] == 5
    with pytest.raises(UserError, match="has done its 5 steps"):
        train(tmp_path, 5)
    train(tmp_path, 500, max_time={"seconds": 0})
    done = int(torch.load(tmp_path / LAST, weights_only=True)["state_dict"]["step"])
    assert 5 <= done < 500
    train(tmp_path, done + 2)
    assert torch.load(tmp_path / LAST, weights_only=True)["state_dict"]["step"] == done + 2


def test_settings_of_the_optimiser_are_those_of_the_command_that_goes_on(tmp_path):
    train(tmp_path, 2)
    slow = Module(learning_rate=0.001)
    train(tmp_path, 3, slow)
    (group,) = slow.optimizers().param_groups
    assert (group["lr"], group["betas"]) == (0.001, (0.5, 0.9))


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_checkpoint(tmp_path):
    train(tmp_path, 2)
    before = (tmp_path / LAST).read_bytes()
    message = r"the loss became nan in step 4, of utterance 6, utterance 7; .* keeps its last checkpoint"
    with pytest.raises(UserError, match=message):
        train(tmp_path, 6, bad=7)
    assert (tmp_path / LAST).read_bytes() == before


def test_a_run_says_that_half_precision_is_slower_here(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pipelines.training.half_precision.seconds", lambda dtype: dtype.itemsize**-4.0)
    train(tmp_path / "half", 2, precision="bf16-mixed")
    assert "this processor multiplies 16 times slower in bf16-mixed" in capsys.readouterr().err
    train(tmp_path / "whole", 2)
    assert "slower" not in capsys.readouterr().err


def test_without_held_out_utterances_nothing_is_validated_and_that_is_said(tmp_path, capsys):
    train(tmp_path, 4, validation=False)
    assert "nothing is validated" in capsys.readouterr().err


def test_an_error_of_a_loading_process_is_one_line(tmp_path):
    class Broken(Items):
        def __getitem__(self, index):
            raise ValueError("a.wav is not readable audio")

    with pytest.raises(UserError, match="^ValueError: a.wav is not readable audio$"):
        fit(
            Module(),
            loader(Broken(4), 2, workers=1),
            None,
            Run(tmp_path, 2, {}, {}),
            How(3, QUIET),
            lambda weights: None,
        )


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("I/O: No space left on device")]
)
def test_a_full_disk_keeps_the_last_checkpoint_and_is_one_line(tmp_path, monkeypatch, error):
    train(tmp_path, 2)
    before = (tmp_path / LAST).read_bytes()

    def full(self, path, *args: Any, **kwargs: Any) -> None:
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(lightning.Trainer, "save_checkpoint", full)
    with pytest.raises(UserError, match="no space left in .*; it keeps its last checkpoint: make room, go on"):
        train(tmp_path, 4)
    assert (tmp_path / LAST).read_bytes() == before and not list(tmp_path.glob("*.partial"))


TWO = """
import sys
sys.path[:0] = ["{root}", "{root}/tests", "{root}/tests/pipelines/training"]
from pathlib import Path
import torch
from test_trainer import train
torch.save(train(Path(sys.argv[1]), 11, devices=int(sys.argv[2]), strategy="ddp"), Path(sys.argv[1]) / "w" )
"""


@pytest.mark.slow
def test_two_processes_take_as_many_steps_as_one(tmp_path):
    """max_steps counts updates of the model whatever the number of processes."""
    (tmp_path / "two.py").write_text(TWO.format(root=ROOT))
    subprocess.run([sys.executable, str(tmp_path / "two.py"), str(tmp_path), "2"], check=True, timeout=300)
    assert torch.load(tmp_path / LAST, weights_only=True)["state_dict"]["step"] == 11


def test_a_machine_without_git_trains_too(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() == ""


def test_what_was_asked_for_is_written_down(tmp_path):
    train(tmp_path, 1)
    record = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert record["seed"] == 0 and {"commit", "torch", "lightning"} <= set(record)
