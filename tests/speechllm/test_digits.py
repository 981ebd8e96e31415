"""Codes as FSQ digits; golden values are those of the published low-frame-rate codec."""

import pytest
import torch

import toys
from codec.fsq import GroupedFSQ
from speechllm.digits import bases, codes_to_digits, digits_to_codes, digits_to_values

GOLDEN = {1204: (0, 0, 0, 0), 2015: (0.75, 1, 2 / 3, 2 / 3), 0: (-1, -1, -1, -1), 1000: (-1, 1, 2 / 3, -1 / 3)}


@pytest.mark.parametrize("levels", [toys.LEVELS, (8, 5, 5, 5), (9, 8, 8, 7), (4,) * 6, (5,)])
def test_every_code_survives_the_round_trip(levels):
    size = int(torch.tensor(levels).prod())
    codes = torch.stack([torch.arange(size), torch.arange(size).flip(0)], dim=-1)  # [T, K = 2]
    digits = codes_to_digits(codes, levels)
    assert digits.shape == (size, 2 * len(levels))
    assert (digits >= 0).all() and (digits < torch.tensor(levels * 2)).all()
    assert torch.equal(digits_to_codes(digits, levels), codes)


def test_the_first_digit_is_the_least_significant():
    assert bases(toys.LEVELS).tolist() == [1, 8, 56, 336]
    assert codes_to_digits(torch.tensor([1 + 2 * 8 + 3 * 56 + 4 * 336]), toys.LEVELS).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("code", GOLDEN)
def test_values_are_the_published_ones(code):
    values = digits_to_values(codes_to_digits(torch.tensor([code]), toys.LEVELS), toys.LEVELS)
    assert values.tolist() == pytest.approx(GOLDEN[code])


def test_values_are_those_of_the_codec():
    codes = toys.random_codes(2, 50)
    values = digits_to_values(codes_to_digits(codes.transpose(1, 2), toys.LEVELS), toys.LEVELS)
    assert torch.equal(values.transpose(1, 2), GroupedFSQ(8, toys.LEVELS).decode(codes))
