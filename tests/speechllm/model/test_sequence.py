"""The layout of a sequence, written out by hand for two texts of 3 and 2 tokens and three steps."""

import pytest
import torch

import toys
from speechllm.model import sequence

LENGTHS, WIDTH, STEPS = torch.tensor([3, 2]), 3, 3
SEES_TEXT_AND_STEPS_BEFORE = ["xxxx..", "xxxxx.", "xxxxxx"]


def config(**changes: object):
    return toys.toy_lm_config(reader_layer=0, **changes)


def test_bos_stands_before_the_frames():
    begin, frames = torch.tensor([9.0, 9.0]), torch.arange(8.0).view(2, 2, 2)
    assert sequence.step_inputs(begin, frames, 2).tolist() == [[[9, 9], [0, 1]], [[9, 9], [4, 5]]]
    assert sequence.step_inputs(begin, frames, 3)[1].tolist() == [[9, 9], [4, 5], [6, 7]]
    assert sequence.tokens_before(torch.tensor([[1, 1, 4]]), 3).tolist() == [[0, 1, 1]]
    assert sequence.tokens_before(torch.tensor([[1, 1, 4]]), 4).tolist() == [[0, 1, 1, 4]]


@pytest.mark.parametrize(("stop_after", "steps"), [(False, 3), (True, 4)])
def test_a_stop_head_that_looks_back_reads_the_last_frame_too(stop_after, steps):
    assert sequence.num_steps(config(stop_after=stop_after), 3) == steps


def test_steps_count_from_0_or_on_from_the_text():
    apart = sequence.rope_positions(config(), LENGTHS, WIDTH, STEPS)
    on = sequence.rope_positions(config(shared_positions=True), LENGTHS, WIDTH, STEPS)
    assert apart.tolist() == [[0, 1, 2, 0, 1, 2]]
    assert on.tolist() == [[0, 1, 2, 3, 4, 5], [0, 1, 2, 2, 3, 4]]


@pytest.mark.parametrize(
    ("causal", "text"), [(False, ["xxx...", "xxx...", "xxx..."]), (True, ["x.....", "xx....", "xxx..."])]
)
def test_text_sees_text_and_steps_see_what_is_before(causal, text):
    seen = sequence.visible(config(causal_text=causal), LENGTHS, WIDTH, STEPS)
    wanted = torch.tensor([[letter == "x" for letter in row] for row in [*text, *SEES_TEXT_AND_STEPS_BEFORE]])
    assert seen.shape == (2, 1, WIDTH + STEPS, WIDTH + STEPS)
    assert torch.equal(seen[0, 0], wanted)
    wanted[:, 2] = False  # the second text's padding
    assert torch.equal(seen[1, 0], wanted)


@pytest.mark.parametrize("shared", [False, True])
def test_positions_stay_within_the_rotary_table(shared):
    small = config(shared_positions=shared, max_text=5, max_frames=9, frames_per_step=2, stop_after=True)
    steps = sequence.num_steps(small, small.max_steps)
    found = sequence.rope_positions(small, torch.tensor([5]), 5, steps)
    assert found.max() < small.max_positions + (0 if shared else 1)
