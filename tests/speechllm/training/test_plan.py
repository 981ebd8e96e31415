"""The plan of batches: every utterance once a pass, found from its number alone, dealt without loss."""

import numpy as np
import pytest

from speechllm.training.plan import BatchPlan, deal

LENGTHS = np.random.default_rng(0).integers(5, 60, 200)


def one_at_a_time(lengths: list[int], tokens: int, packed: bool) -> list[list[int]]:
    """Batches of ordered lengths, as one would cut them by hand."""
    batches: list[list[int]] = [[]]
    for length in lengths:
        grown = [*batches[-1], length]
        size = sum(grown) if packed else len(grown) * max(grown)
        if batches[-1] and size > tokens:
            batches.append([length])
        else:
            batches[-1] = grown
    return batches


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("tokens", [1, 50, 130, 1000, 10**6])
def test_batches_are_as_large_as_the_budget_allows(packed, tokens):
    plan = BatchPlan(LENGTHS, tokens, 0, packed)
    pieces = np.split(plan.order, plan.starts[1:-1])
    assert [LENGTHS[piece].tolist() for piece in pieces] == one_at_a_time(LENGTHS[plan.order].tolist(), tokens, packed)


@pytest.mark.parametrize("packed", [False, True])
def test_every_pass_has_every_utterance_once_in_its_own_order(packed):
    plan = BatchPlan(LENGTHS, 130, 0, packed)
    passes = [[plan.find(epoch * len(plan) + i) for i in range(len(plan))] for epoch in range(2)]
    for epoch, batches in enumerate(passes):
        assert {found for found, _ in batches} == {epoch}
        assert sorted(np.concatenate([members for _, members in batches])) == list(range(200))
    assert any(a.tolist() != b.tolist() for (_, a), (_, b) in zip(*passes, strict=True))


def test_a_batch_is_found_from_its_number_alone():
    plan = BatchPlan(LENGTHS, 130, 0)
    for number in (0, 1, 500, 37):
        epoch, members = BatchPlan(LENGTHS, 130, 0).find(number)
        assert epoch == plan.find(number)[0] and members.tolist() == plan.find(number)[1].tolist()
    assert any(BatchPlan(LENGTHS, 130, 1).find(n)[1].tolist() != plan.find(n)[1].tolist() for n in range(10))


@pytest.mark.parametrize("world_size", [1, 2, 3, 4, 7])
def test_processes_share_the_batches_of_every_step(world_size):
    dealt = [list(deal(5, 4, rank, world_size)) for rank in range(world_size)]
    rounds = len(dealt[0]) // 5
    assert {len(each) for each in dealt} == {5 * rounds}
    for step in range(5):
        counted = [n for each in dealt for n in each[step * rounds : (step + 1) * rounds] if n >= 0]
        assert sorted(counted) == list(range(4 * step, 4 * step + 4))
