"""Utterances packed in one row against the same padded below each other: losses and gradients, whatever the model."""

import sys
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

import toys
from speechllm.data.shards import Example
from speechllm.data.speakers import Drawn
from speechllm.model import packing, sequence
from speechllm.training.collating import PADDED, Packed, Padded, collate, collate_seen, collate_voices
from speechllm.training.corruption import Corruption
from speechllm.training.module import LitSpeechLM, LMOptim

LENGTHS = [(4, 9), (12, 30), (7, 8), (1, 3), (9, 21)]
CAUSAL = dict(causal_text=True, shared_positions=True)
MODELS = {
    "prefix": {},
    "causal": CAUSAL,
    "without a reader": dict(CAUSAL, reader_layer=0, num_kv_heads=1, frame_tables=4),
    "a stop head that looks back": dict(CAUSAL, reader_layer=0, stop_after=True, frames_per_step=2),
    "many voices": dict(speaker_dim=6, prefix_queries=2, prefix_heads=2),
}


def examples() -> list[Example]:
    """Utterances of many lengths."""
    made = []
    for i, (text, frames) in enumerate(LENGTHS):
        ids = torch.randint(4, 30, (text,), generator=torch.Generator().manual_seed(i))
        positions = torch.arange(frames) * text // frames
        made.append(Example(f"u{i}", ids, toys.random_codes(1, frames, i)[0].T, positions))
    return made


def batch_of(config, way: Padded):
    """All of them, some of what they say hidden."""
    batch = collate(examples(), toys.LEVELS, config.frames_per_step, way)
    levels = torch.tensor(toys.LEVELS).repeat(batch.codes.shape[2])
    corruption = Corruption(0.3, 0.3, 0.4, 0, 0)
    rows = way.rows(batch.digits, batch.frames)
    seen = [corruption.of(digits, levels, 0, f"u{i}", 0) for i, digits in enumerate(rows)]
    assert not all(one.text for one in seen)
    reference = None
    if config.speaker_dim:
        vectors = torch.nn.functional.normalize(torch.rand(5, 6, generator=torch.Generator().manual_seed(0)), dim=1)
        drawn = [Drawn(None if i == 1 else vectors[i], toys.random_codes(1, 5 + i, i)[0].T) for i in range(5)]
        reference = collate_voices(drawn, toys.LEVELS, 8, 6)
    return batch._replace(inputs=collate_seen(seen, way), reference=reference)


def trained(config, way: Padded) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """Losses and gradients."""
    module = LitSpeechLM(toys.toy_lm(config), LMOptim(hidden_texts=0.4))
    batch = batch_of(config, way)
    losses = module.losses(module.heard(batch), batch)
    losses["loss"].backward()
    return {name: float(value.detach()) for name, value in losses.items()}, {
        name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in module.named_parameters()
    }


def config_of(name: str):
    return toys.toy_lm_config(max_text=200, **MODELS[name])


def way_of(config) -> Packed:
    return Packed(config.prefix_positions, int(config.stop_after), multiple=16)


@pytest.mark.parametrize("name", MODELS)
def test_packed_utterances_are_learnt_from_as_padded_ones(name):
    config = config_of(name)
    (losses, gradients), (wanted, others) = trained(config, way_of(config)), trained(config, PADDED)
    assert losses == pytest.approx(wanted, abs=1e-5)
    for key, gradient in gradients.items():
        assert torch.allclose(gradient, others[key], atol=1e-5), key


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_padded_but_the_ends(name):
    config = config_of(name)
    batch = batch_of(config, way_of(config))
    text = sum(text for text, _ in LENGTHS) + config.prefix_positions * len(LENGTHS)
    steps = sum(-(-frames // config.frames_per_step) + config.stop_after for _, frames in LENGTHS)
    assert 0 < batch.ids.shape[1] - text <= 16 and 0 < batch.positions.shape[1] - steps <= 16
    rows = way_of(config).rows(batch.digits, batch.frames)
    assert all(
        torch.equal(a, b) for a, b in zip(rows, PADDED.rows(batch_of(config, PADDED).digits, batch.frames), strict=True)
    )


@torch.no_grad()
@pytest.mark.parametrize("name", ["prefix", "causal", "without a reader"])
def test_flex_attention_sees_what_the_mask_says(name):
    """On a CPU it has no way back, but the same way forth."""
    config = config_of(name)
    layout, count = batch_of(config, way_of(config)).packing, len(LENGTHS)
    length = len(layout.text) + len(layout.steps)
    q, k, v = (torch.randn(1, heads, length, 16) for heads in (2, config.kv_heads, config.kv_heads))
    wide = [heads.repeat_interleave(2 // config.kv_heads, 1) for heads in (k, v)]
    wanted = F.scaled_dot_product_attention(q, *wide, attn_mask=packing.dense(config, layout, count))
    assert torch.allclose(packing.flex(config, layout, count)(q, k, v), wanted, atol=1e-5)


def varlen(q, k, v, begins, others, longest, other_longest, causal):
    """What flash_attn_varlen_func is documented to do."""
    assert causal and torch.equal(begins, others) and longest == other_longest == int(begins.diff().max())
    parts = []
    for begin, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True):
        one = [x[begin:end].transpose(0, 1)[None] for x in (q, k, v)]
        parts.append(F.scaled_dot_product_attention(*one, is_causal=True, enable_gqa=True)[0].transpose(0, 1))
    return torch.cat(parts)


def test_flash_attention_is_given_whole_utterances(monkeypatch):
    """The kernel needs a GPU; one of our own stands in for it."""
    library = ModuleType("flash_attn")
    library.flash_attn_varlen_func = varlen
    monkeypatch.setitem(sys.modules, "flash_attn", library)
    monkeypatch.setattr(sequence, "attention", lambda kind, *given: packing.flash(*given))
    for name in ("causal", "without a reader", "a stop head that looks back"):
        config = config_of(name)
        (losses, gradients), (wanted, others) = trained(config, way_of(config)), trained(config, PADDED)
        assert losses == pytest.approx(wanted, abs=1e-5)
        assert all(torch.allclose(gradients[key], others[key], atol=1e-5) for key in gradients)
    with pytest.raises(ValueError, match="flash needs model.causal_text"):
        trained(config_of("prefix"), Packed())
