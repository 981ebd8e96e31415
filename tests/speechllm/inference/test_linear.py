"""Layers of each precision: close to the trained ones, and each row as if it were alone."""

import pytest
import torch

from speechllm.inference import linear
from speechllm.inference.linear import BFloat16Linear, Float32Linear, Int8Linear


@pytest.mark.parametrize(("kind", "close"), [(Float32Linear, 1e-5), (Int8Linear, 0.03), (BFloat16Linear, 0.01)])
@pytest.mark.parametrize("shape", [(256, 768), (704, 256), (256, 217), (32, 512), (3584, 1024), (1024, 5120)])
def test_a_packed_layer_rounds_each_row_as_if_it_were_alone(kind, close, shape):
    weight, bias, x = (
        torch.randn(shape[1], shape[0]) * shape[0] ** -0.5,
        torch.randn(shape[1]),
        torch.randn(16, shape[0]),
    )
    layer = kind(weight, bias)
    whole = layer(x)
    assert (whole - torch.nn.functional.linear(x, weight, bias)).abs().max() < close * 3
    for count in (1, 2, 3, 5, 8, 15):
        assert torch.equal(layer(x[:count].clone()), whole[:count])


@pytest.mark.parametrize("kind", [Float32Linear, BFloat16Linear])
@pytest.mark.parametrize("count", [17, 32, 45])
def test_the_rows_of_a_text_are_padded_and_come_back_without(kind, count):
    weight, bias, x = torch.randn(20, 64), torch.randn(20), torch.randn(64, 64)
    layer = kind(weight, bias)
    assert not layer.packed or (count + layer.row_padding(count)) % 32 == 0
    assert torch.allclose(layer(x[:count]), layer(x)[:count], atol=1e-5)


@pytest.mark.parametrize("shape", [(256, 768), (3584, 1024)])
def test_a_processor_without_bfloat16_multiplies_the_same_factors(monkeypatch, shape):
    """oneDNN refuses to pack weights in bfloat16 there."""
    weight, bias = torch.randn(shape[1], shape[0]) * shape[0] ** -0.5, torch.randn(shape[1])
    x = torch.randn(16, shape[0])
    reorder = torch.ops.mkldnn._reorder_linear_weight

    def refusing(weight: torch.Tensor, rows: int) -> torch.Tensor:
        assert weight.dtype == torch.float32, "bf16 path needs the cpu support"
        return reorder(weight, rows)

    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_linear_weight", refusing)
    monkeypatch.setattr(linear, "packs_bfloat16", lambda: False)
    layer = BFloat16Linear(weight, bias)
    whole = layer(x)
    factors = [part.to(torch.bfloat16).double() for part in (x, weight, bias)]
    exact = torch.nn.functional.linear(*factors)
    assert torch.equal(whole, whole.to(torch.bfloat16).float())
    assert ((whole - exact).abs() <= exact.abs() * 2**-7 + 1e-5).all()
    for count in (1, 2, 3, 15):
        assert torch.equal(layer(x[:count].clone()), whole[:count])
