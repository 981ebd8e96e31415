import pytest
import torch

from benchmarks.speakers.subject import untrained_pair
from speechllm.inference.weights import packed


def test_an_untrained_pair_is_the_same_model_at_two_frame_rates(tiny_config):
    slow, fast = untrained_pair(tiny_config)
    assert fast.codec.frame_rate == pytest.approx(4 * slow.codec.frame_rate)
    assert fast.codec.codebook_size == 1000
    assert slow.codec.codebook_size == 2016
    assert all(torch.isfinite(p).all() for p in slow.lm.parameters())
    sizes = [sum(p.numel() for block in s.lm.blocks for p in block.parameters()) for s in (slow, fast)]
    assert sizes[0] == sizes[1]
    assert fast.frames("medium") == pytest.approx(4 * slow.frames("medium"), abs=3)


def test_weights_are_counted_once_each(tiny_config):
    lm = untrained_pair(tiny_config)[0].lm
    unread = (lm.text_embedding, lm.reader.key, lm.reader.value)  # by a decoding step
    matrices = sum(p.numel() for p in lm.parameters() if p.dim() == 2) - sum(m.weight.numel() for m in unread)
    assert packed(lm).bytes_per_step == 4 * matrices
    assert packed(lm, "int8").bytes_per_step == matrices
