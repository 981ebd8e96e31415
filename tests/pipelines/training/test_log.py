"""The log of a run: every step once, whatever happened on the way."""

import builtins
import errno
import io

import pytest

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

from pipelines.training.log import CsvLog


def lines(folder) -> list[str]:
    return (folder / "metrics.csv").read_text("utf-8").splitlines()


def test_the_log_of_an_earlier_part_is_kept(tmp_path):
    CsvLog(tmp_path).log_metrics({"loss": 1.5}, step=1)
    CsvLog(tmp_path, 1).log_metrics({"loss": 0.5}, step=2)
    assert lines(tmp_path) == ["loss,step", "1.5,1", "0.5,2"]


def test_steps_that_are_done_again_are_not_in_the_log_twice(tmp_path):
    (tmp_path / "metrics.csv").write_text("loss,step\n1.5,1\n0.5,2.0\n0.4,3\n0.")
    CsvLog(tmp_path, 2).log_metrics({"loss": 0.3}, step=3)
    assert lines(tmp_path) == ["loss,step", "1.5,1", "0.5,2.0", "0.3,3"]


def test_a_run_that_was_ended_before_its_first_checkpoint_begins_its_log_anew(tmp_path):
    CsvLog(tmp_path).log_metrics({"loss": 1.5}, step=1)
    CsvLog(tmp_path).log_metrics({"loss": 1.5}, step=1)
    assert lines(tmp_path) == ["loss,step", "1.5,1"]


def test_a_line_that_was_cut_is_done_again(tmp_path):
    (tmp_path / "metrics.csv").write_text("loss,step,val\n1.5,1,\n0.5,2")
    CsvLog(tmp_path, 2).log_metrics({"loss": 0.5}, step=2)
    assert lines(tmp_path) == ["loss,step,val", "1.5,1,", "0.5,2,"]


def test_a_full_disk_keeps_the_log_when_a_column_comes_in(tmp_path, monkeypatch):
    log = CsvLog(tmp_path)
    log.log_metrics({"train/loss": 1.5}, step=1)
    log.log_metrics({"train/loss": 0.5}, step=2)
    before = lines(tmp_path)

    def full(path, mode="r", *args, **options):
        if "w" in mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, mode, *args, **options)

    opened = io.open
    for module in (io, builtins):
        monkeypatch.setattr(module, "open", full)
    with pytest.raises(OSError, match="No space left"):
        log.log_metrics({"val/loss": 0.7}, step=2)
    monkeypatch.undo()
    assert lines(tmp_path) == before
    log.log_metrics({"val/loss": 0.7}, step=2)
    assert lines(tmp_path) == ["step,train/loss,val/loss", "1,1.5,", "2,0.5,", "2,,0.7"]
