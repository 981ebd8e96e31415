"""Rotary attention and its cache: step by step is the same as all at once."""

import pytest
import torch

from speechllm.attention import Attention, KVCache, attend, rotary_table, rotate

DIM, HEADS, LENGTH = 16, 2, 9


def test_a_cache_in_pieces_is_the_whole():
    keys, values = torch.randn(2, 1, HEADS, LENGTH, 8)
    cache, start = KVCache((1, 1, HEADS, LENGTH, 8)), 0
    for count in (4, 1, 1, 3):
        seen = cache.append(0, keys[:, :, start : start + count], values[:, :, start : start + count])
        cache.advance(count)
        start += count
        assert torch.equal(seen[0], keys[:, :, :start]) and torch.equal(seen[1], values[:, :, :start])


def test_layers_have_their_own_part_of_the_cache():
    cache = KVCache((2, 1, HEADS, 4, 8))
    first, second = torch.randn(2, 1, HEADS, 3, 8)
    cache.append(0, first, first)
    cache.append(1, second, second)
    cache.advance(3)
    assert torch.equal(cache.keys[0, :, :, :3], first) and torch.equal(cache.keys[1, :, :, :3], second)


def test_a_full_cache_says_so():
    cache = KVCache((1, 1, HEADS, 4, 8))
    with pytest.raises(ValueError, match="position 5 in a cache of 4"):
        cache.append(0, *torch.zeros(2, 1, HEADS, 5, 8))


@pytest.mark.parametrize("pieces", [[1] * LENGTH, [4, 1, 4], [LENGTH]])
def test_attention_with_a_cache_equals_attention_without(pieces):
    attention, x = Attention(DIM, HEADS), torch.randn(2, LENGTH, DIM)
    rotary = rotary_table(LENGTH, DIM // HEADS)
    causal = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()[None, None]
    whole = attention(x, rotary, causal, None, 0)
    cache, parts, start = KVCache((1, 2, HEADS, LENGTH, DIM // HEADS)), [], 0
    for count in pieces:
        stop = start + count
        parts.append(attention(x[:, start:stop], rotary[start:stop], causal[:, :, start:stop, :stop], cache, 0))
        cache.advance(count)
        start = stop
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-6)


def test_masked_positions_cannot_be_seen():
    attention, x = Attention(DIM, HEADS), torch.randn(1, LENGTH, DIM)
    rotary, mask = rotary_table(LENGTH, DIM // HEADS), torch.ones(1, 1, LENGTH, LENGTH, dtype=torch.bool)
    mask[..., 5] = False
    changed = x.clone()
    changed[:, 5] = 1e4
    rows = [i for i in range(LENGTH) if i != 5]
    assert torch.equal(attention(x, rotary, mask, None, 0)[:, rows], attention(changed, rotary, mask, None, 0)[:, rows])


def test_rotation_keeps_lengths_and_knows_only_distances():
    table = rotary_table(20, 8)
    query, key = torch.randn(2, 1, 1, 1, 8)  # [B, L, H, E]
    turned = rotate(query.expand(1, 20, 1, 8), table)
    assert torch.allclose(turned.norm(dim=-1), query.norm(dim=-1).expand(1, 20, 1), atol=1e-5)
    products = [(rotate(query, table[i : i + 1]) * rotate(key, table[i + 3 : i + 4])).sum() for i in range(17)]
    assert torch.allclose(torch.stack(products), products[0].expand(17), atol=1e-5)
    elsewhere = (rotate(query, table[:1]) * rotate(key, table[9:10])).sum()
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
