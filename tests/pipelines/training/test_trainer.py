"""What a run writes down of itself."""

import pytest

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

from pipelines.training.trainer import commit, trainer_options


def test_options_that_are_given_win():
    options = trainer_options(max_steps=10, validate_every=500, given={"log_every_n_steps": 1, "devices": 2})
    assert (options["val_check_interval"], options["log_every_n_steps"], options["devices"]) == (10, 1, 2)


def test_a_machine_without_git_trains_too(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() == ""
