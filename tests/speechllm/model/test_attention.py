"""Rotary attention: what may be seen, and where things are."""

import torch

from speechllm.model.attention import Attention, attend, rotary_table, rotate

DIM, HEADS, LENGTH = 16, 2, 9


def turn(x: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    return rotate(x, *table.unsqueeze(-2).unbind(-3))


def test_masked_positions_cannot_be_seen():
    attention, x = Attention(DIM, HEADS), torch.randn(1, LENGTH, DIM)
    rotary, mask = rotary_table(LENGTH, DIM // HEADS), torch.ones(1, 1, LENGTH, LENGTH, dtype=torch.bool)
    mask[..., 5] = False
    changed = x.clone()
    changed[:, 5] = 1e4
    rows = [i for i in range(LENGTH) if i != 5]
    assert torch.equal(attention(x, rotary, mask)[:, rows], attention(changed, rotary, mask)[:, rows])


def test_rotation_keeps_lengths_and_knows_only_distances():
    table = rotary_table(20, 8)
    query, key = torch.randn(2, 1, 1, 1, 8)  # [B, L, H, E]
    turned = turn(query.expand(1, 20, 1, 8), table)
    assert torch.allclose(turned.norm(dim=-1), query.norm(dim=-1).expand(1, 20, 1), atol=1e-5)
    products = [(turn(query, table[i : i + 1]) * turn(key, table[i + 3 : i + 4])).sum() for i in range(17)]
    assert torch.allclose(torch.stack(products), products[0].expand(17), atol=1e-5)
    elsewhere = (turn(query, table[:1]) * turn(key, table[9:10])).sum()
    assert not torch.allclose(products[0], elsewhere, atol=1e-3)


def test_training_attends_as_speaking_does():
    """On a CPU training multiplies out what inference leaves to a fused kernel."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, 7, 8, generator=generator) for _ in range(3))
    mask = torch.ones(7, 7, dtype=torch.bool).tril()
    with torch.no_grad():
        fused = attend(q, k, v, mask)
    trained = attend(q.requires_grad_(), k, v, mask)
    assert trained.grad_fn is not None and torch.allclose(trained, fused, atol=1e-6)
    assert not torch.allclose(attend(q, k, v, None)[:, :, 0], fused[:, :, 0], atol=1e-2)
