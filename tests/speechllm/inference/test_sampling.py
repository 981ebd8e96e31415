"""Drawing digits: most likely at 0, from the right distribution above, from the request's own random stream."""

import pytest
import torch

import toys
from speechllm.inference.sampling import PENDING_AT_FIRST, DigitSampler, gumbel, steady_advance

STARTS = [sum((toys.LEVELS * 8)[:i]) for i in range(32)]


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def sampler():
    """Draws one frame out of logits [216]; 0 takes the most likely."""
    digits = DigitSampler(toys.LEVELS, 8)

    def draw(logits, temperature, generator=None):
        size = (1, digits.index.numel())
        noise = gumbel(size, generator) if temperature else torch.zeros(size)
        return digits(logits[None], torch.tensor([[temperature or 1.0]]), noise)[0]

    return draw


def test_temperature_zero_takes_the_most_likely_of_each_digit(sampler):
    logits = torch.randn(216)
    parts = logits.split(list(toys.LEVELS * 8))
    assert sampler(logits, 0).tolist() == [int(part.argmax()) for part in parts]


def test_rows_draw_apart():
    digits, logits = DigitSampler(toys.LEVELS, 8), torch.randn(3, 216)
    noise, temperature = gumbel((3, digits.index.numel()), stream()), torch.tensor([[0.5], [1.0], [2.0]])
    alone = [digits(logits[i : i + 1], temperature[i : i + 1], noise[i : i + 1])[0] for i in range(3)]
    assert torch.equal(digits(logits, temperature, noise), torch.stack(alone))


def test_the_same_stream_gives_the_same_digits_whatever_else_is_drawn(sampler):
    logits = torch.randn(216)
    first = sampler(logits, 1.0, stream(3))
    torch.manual_seed(99)
    torch.rand(5)
    assert torch.equal(sampler(logits, 1.0, stream(3)), first)
    assert not torch.equal(sampler(logits, 1.0, stream(4)), first)


def test_one_stream_goes_on_and_does_not_repeat(sampler):
    generator, logits = stream(), torch.zeros(216)
    assert not torch.equal(sampler(logits, 1.0, generator), sampler(logits, 1.0, generator))


def test_no_digit_leaves_its_levels(sampler):
    generator = stream()
    for _ in range(100):
        assert (sampler(torch.zeros(216), 2.0, generator) < torch.tensor(toys.LEVELS * 8)).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_levels_come_as_often_as_the_softmax_says(sampler, temperature):
    logits, generator, count = torch.randn(8).repeat(27), stream(), 1000
    drawn = torch.stack([sampler(logits, temperature, generator)[::4] for _ in range(count)])  # the 8-level digits
    for digit in range(8):
        start = STARTS[4 * digit]
        wanted = (logits[start : start + 8] / temperature).softmax(0)
        found = torch.bincount(drawn[:, digit], minlength=8) / count
        assert (found - wanted).abs().max() < 0.06, f"digit {digit}: {found.tolist()} for {wanted.tolist()}"


def moves(logits, frames):
    pending = torch.tensor([PENDING_AT_FIRST])
    return [int(steady_advance(logits[None], logits[None].softmax(-1)[:, 0], pending)) for _ in range(frames)]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4, 0.8])
def test_a_steady_reader_moves_as_often_as_is_likely(share):
    """Staying is likeliest at every frame here (but for 0.8), and still the reader gets on at the right pace."""
    steady = moves(torch.tensor([1 - share, share / 4, share * 3 / 4]).log(), 200)
    assert sum(move > 0 for move in steady) == pytest.approx(200 * share, abs=1)
    assert set(steady) <= {0, 2}  # the likeliest move, when there is one


def test_a_reader_that_is_sure_moves_at_once_and_stays_otherwise():
    assert moves(torch.tensor([-20.0, 20.0]), 5) == [1] * 5
    assert moves(torch.tensor([20.0, -20.0]), 50) == [0] * 50
    assert moves(torch.tensor([0.0, float("-inf")]), 50) == [0] * 50  # nowhere to go


def test_steady_readers_do_not_look_at_each_other():
    logits = torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.1, 0.6]]).log()
    pending = torch.tensor([PENDING_AT_FIRST] * 2)
    together = torch.stack(
        [steady_advance(logits, logits.softmax(-1)[:, 0], pending) for _ in range(20)], dim=1
    ).tolist()
    assert together == [moves(row, 20) for row in logits]
