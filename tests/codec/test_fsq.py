"""Finite scalar quantisation: the published codec's numbers, and that codes, digits and values are one thing."""

import math

import pytest
import torch

import toys
from codec.fsq import GroupedFSQ

LFSC = GroupedFSQ(8, toys.LEVELS)
ONE = GroupedFSQ(1, toys.LEVELS)

# Of NeMo's quantiser for linspace(-2.5, 2.5, 128) as [T=4, D=32]: codes [K, T].
GOLDEN = [
    *([0, 401, 1204, 2015], [0, 401, 1605, 2015], [0, 401, 1605, 2015], [0, 402, 1605, 2015]),
    *([0, 794, 1614, 2015], [0, 802, 1950, 2015], [0, 1139, 2006, 2015], [337, 1204, 2006, 2015]),
]


@pytest.mark.parametrize(
    ("latent", "code", "values"),
    [(0.0, 1204, (0, 0, 0, 0)), (50.0, 2015, (0.75, 1, 2 / 3, 2 / 3)), (-50.0, 0, (-1, -1, -1, -1))],
)
def test_golden_values(latent, code, values):
    found, codes = ONE(torch.full((1, 4, 1), latent))
    assert codes.tolist() == [[[code]]]
    assert found[0, :, 0].tolist() == pytest.approx(values, abs=1e-6)


def test_golden_value_of_a_code():
    assert ONE.decode(torch.tensor([[[1000]]]))[0, :, 0].tolist() == pytest.approx((-1, 1, 2 / 3, -1 / 3), abs=1e-6)


def test_golden_vector():
    values, codes = LFSC(torch.linspace(-2.5, 2.5, 128).view(4, 32).T[None])
    assert codes[0].tolist() == GOLDEN
    assert torch.equal(values, LFSC.decode(codes))


def test_every_code_is_its_own_digits_and_can_be_reached():
    codes = torch.arange(ONE.codebook_size)[None, None]
    digits = ONE.codes_to_digits(codes)
    assert torch.equal(ONE.digits_to_codes(digits), codes)
    assert [int(row.max()) + 1 for row in digits[0]] == list(toys.LEVELS)
    bounded = (digits - ONE.half_level + ONE.offset) / ONE.scale
    latents = torch.atanh(bounded.clamp(-0.999, 0.999)) - ONE.shift
    assert torch.equal(ONE(latents)[1], codes)


@pytest.mark.parametrize(("count", "levels"), [(1, (2,)), (3, (5, 3, 4)), (2, (9, 8, 8, 7))])
def test_other_geometries(count, levels):
    quantizer = GroupedFSQ(count, levels)
    assert quantizer.codebook_size == math.prod(levels) and quantizer.dim == count * len(levels)
    values, codes = quantizer(torch.randn(2, quantizer.dim, 50) * 3)
    assert codes.min() >= 0 and codes.max() < quantizer.codebook_size
    assert values.abs().max() <= 1
    assert torch.equal(quantizer.decode(codes), values)


def test_the_gradient_goes_straight_through_the_rounding():
    latents = torch.linspace(-2, 2, 32).view(1, 32, 1).requires_grad_()
    values, _ = LFSC(latents)
    values.sum().backward()
    slope = LFSC.scale * (1 - torch.tanh(latents.detach() + LFSC.shift) ** 2) / LFSC.half_level
    assert torch.allclose(latents.grad, slope, atol=1e-6)


def test_quantising_is_in_float32_whatever_comes_in():
    latents = torch.randn(1, 32, 100).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        values, codes = LFSC(latents)
    wanted, same = LFSC(latents.float())
    assert values.dtype == torch.float32
    assert torch.equal(values, wanted) and torch.equal(codes, same)


def test_there_is_nothing_to_learn_or_to_save():
    assert not list(LFSC.parameters()) and not LFSC.state_dict()


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.zeros(8, 3, dtype=torch.long), r"got codes of shape \(8, 3\); expected \[B, 8, T\]"),
        (torch.zeros(1, 7, 3, dtype=torch.long), r"got codes of shape \(1, 7, 3\); expected \[B, 8, T\]"),
        (torch.full((1, 8, 3), 2016), r"got codes in 2016..2016; expected 0..2015"),
        (torch.full((1, 8, 3), -1), r"got codes in -1..-1; expected 0..2015"),
    ],
)
def test_what_are_no_codes_is_refused(codes, message):
    with pytest.raises(ValueError, match=message):
        LFSC.decode(codes)


@pytest.mark.parametrize(("count", "levels"), [(0, (8,)), (1, ()), (1, (8, 1))])
def test_impossible_quantisers_are_refused(count, levels):
    with pytest.raises(ValueError, match="need K >= 1 and levels >= 2"):
        GroupedFSQ(count, levels)
