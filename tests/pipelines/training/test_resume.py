"""Where an interrupted run goes on, and what it does not go on from."""

import re

import pytest
import torch

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

from pipelines.shared.errors import UserError
from pipelines.training.resume import LAST, Run

IDENTITY = {"codec": "aaaa", "tokenizer": "bbbb"}


def run(folder, max_steps: int = 10, **identity: str) -> Run:
    return Run(folder, max_steps, IDENTITY | identity, {})


def test_a_new_run_has_done_nothing(tmp_path):
    assert run(tmp_path / "new").steps_done() == 0


@pytest.mark.parametrize(
    ("checkpoint", "done"),
    [
        ({"state_dict": {}, "global_step": 7}, 7),  # one optimiser: Lightning counts
        ({"state_dict": {"step": torch.tensor(7)}, "global_step": 21}, 7),  # several: the module counts
    ],
)
def test_a_run_goes_on_after_its_steps_until_they_are_done(tmp_path, checkpoint, done):
    torch.save(checkpoint | {"identity": IDENTITY}, tmp_path / LAST)
    assert run(tmp_path, done + 1).steps_done() == done
    with pytest.raises(UserError, match=f"has done its {done} steps; raise --optim.max_steps or use another --run_dir"):
        run(tmp_path, done).steps_done()


def test_a_run_without_steps_is_refused(tmp_path):
    with pytest.raises(UserError, match="has done its 0 steps"):
        run(tmp_path, 0).steps_done()


def test_weights_of_another_codec_or_tokenizer_are_not_gone_on_from(tmp_path):
    torch.save({"state_dict": {}, "global_step": 1, "identity": IDENTITY}, tmp_path / LAST)
    message = "trained with another tokenizer: bbbb, now it is cccc; go on with the same, or use another --run_dir"
    with pytest.raises(UserError, match=message):
        run(tmp_path, tokenizer="cccc").steps_done()


def test_a_checkpoint_that_does_not_say_what_it_belongs_to_is_refused(tmp_path):
    torch.save({"state_dict": {}, "global_step": 1}, tmp_path / LAST)
    with pytest.raises(UserError, match="written by an earlier version"):
        run(tmp_path).steps_done()


@pytest.mark.parametrize("keep", [0, 0.5])
def test_a_cut_checkpoint_is_one_line(tmp_path, keep):
    torch.save({"state_dict": {"weight": torch.zeros(1000)}, "global_step": 1}, tmp_path / LAST)
    whole = (tmp_path / LAST).read_bytes()
    (tmp_path / LAST).write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(UserError, match=re.escape(f"{tmp_path / LAST} is not a whole checkpoint")) as caught:
        run(tmp_path).steps_done()
    assert "\n" not in str(caught.value)


def test_a_run_knows_how_much_of_the_data_it_has_used(tmp_path):
    """Whatever a step uses now: earlier parts may have used more at a time."""
    checkpoint = {"state_dict": {"step": torch.tensor(7)}, "global_step": 7, "identity": IDENTITY}
    torch.save(checkpoint, tmp_path / LAST)
    of_four = Run(tmp_path, 10, IDENTITY, {}, items_per_step=4)
    assert of_four.progress == (7, 28), "written before checkpoints said so"
    torch.save(checkpoint | {"items": 50}, tmp_path / LAST)
    assert Run(tmp_path, 10, IDENTITY, {}, items_per_step=4).progress == (7, 50)
