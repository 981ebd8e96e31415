"""Where an interrupted run goes on."""

import pytest
import torch

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

from pipelines.shared.errors import UserError
from pipelines.training.resume import LAST, log_to, steps_done


def test_a_new_run_has_done_nothing(tmp_path):
    assert steps_done(tmp_path / "new", 10) == 0


@pytest.mark.parametrize(
    ("checkpoint", "done"),
    [
        ({"state_dict": {}, "global_step": 7}, 7),  # one optimiser: Lightning counts
        ({"state_dict": {"step": torch.tensor(7)}, "global_step": 21}, 7),  # several: the module counts
    ],
)
def test_a_run_goes_on_after_its_steps_until_they_are_done(tmp_path, checkpoint, done):
    torch.save(checkpoint, tmp_path / LAST)
    assert steps_done(tmp_path, done + 1) == done
    with pytest.raises(UserError, match=f"has done its {done} steps; raise --optim.max_steps or use another --run_dir"):
        steps_done(tmp_path, done)


def test_a_run_without_steps_is_refused(tmp_path):
    with pytest.raises(UserError, match="has done its 0 steps"):
        steps_done(tmp_path, 0)


def test_the_log_of_an_earlier_part_is_kept(tmp_path):
    first = log_to(tmp_path)
    first.log_metrics({"loss": 1.5}, step=1)
    first.save()
    second = log_to(tmp_path)
    second.log_metrics({"loss": 0.5}, step=2)
    second.save()
    assert (tmp_path / "metrics.csv").read_text().splitlines() == ["loss,step", "1.5,1", "0.5,2"]
