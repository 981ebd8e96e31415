"""Prefill and step, a part of a sequence at a time, against model/sequence.py, which lays it out at once."""

import pytest
import torch
import torch.nn.functional as F

import toys
from speechllm import Prompt, SamplingConfig
from speechllm.inference.engine import Engine
from speechllm.model import sequence

TEXTS, STEPS, PREFIX = (7, 3), 5, 2
OPTIONS = [
    {},
    {"causal_text": True},
    {"shared_positions": True, "reader_layer": 0},
    {"shared_positions": True, "causal_text": True, "frames_per_step": 2, "stop_after": True, "reader_layer": 0},
]


class Spy:
    """A rotary table whose angles say which position was looked up, and what attention was allowed to see."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch):
        self.positions: list[list[int]] = []  # of each call of the first block, which text or rows were at
        self.seen: list[torch.Tensor] = []  # the mask of each attention; empty where there is none
        self.causal: list[bool] = []
        table = engine.lm.rotary
        engine.lm.rotary = torch.arange(len(table), dtype=torch.float32)[:, None, None].expand(table.shape)
        for block in {id(b): b for b in (engine.lm.text_blocks[0], engine.lm.blocks[0])}.values():
            monkeypatch.setattr(block, "project", self.project(block.project))
        monkeypatch.setattr(F, "scaled_dot_product_attention", self.attend(F.scaled_dot_product_attention))

    def project(self, project):
        def spied(x, cos, sin):
            self.positions.append(cos[:, 0, 0].int().tolist())
            return project(x, cos, sin)

        return spied

    def attend(self, attend):
        def spied(q, k, v, mask=None, is_causal=False):
            self.seen.append(torch.empty(0) if mask is None else mask.clone())
            self.causal.append(is_causal)
            return attend(q, k, v, mask, is_causal=is_causal)

        return spied


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "as shipped")
def test_prefill_and_step_lay_out_what_the_sequence_says(options, monkeypatch):
    model = toys.toy_lm(toys.toy_lm_config(**options))
    config, layers = model.config, model.config.num_layers
    engine = Engine(model, len(TEXTS))
    spy = Spy(engine, monkeypatch)
    prompts = [Prompt(torch.arange(4, 4 + text), prefix=torch.zeros(PREFIX, config.dim)) for text in TEXTS]
    lengths = torch.tensor([prompt.length for prompt in prompts])
    for prompt in prompts:
        engine.submit(prompt, SamplingConfig(min_frames=1000))
    for _ in range(STEPS):
        engine.step()

    for number, length in enumerate(lengths.tolist()):  # each text alone
        alone = lengths[number : number + 1]
        assert spy.positions[number] == sequence.rope_positions(config, alone, length, 0)[0].tolist()
        allowed = sequence.visible(config, alone, length, 0)[0, 0]
        for layer in range(number * layers, (number + 1) * layers):
            assert not spy.seen[layer].numel()
            assert torch.equal(allowed, torch.ones_like(allowed).tril() if spy.causal[layer] else allowed | True)

    width = int(lengths.max())
    positions = sequence.rope_positions(config, lengths, width, STEPS).expand(len(TEXTS), -1)
    allowed = sequence.visible(config, lengths, width, STEPS)[:, 0]  # [B, L, L]
    for step in range(STEPS):
        assert spy.positions[len(TEXTS) + step] == positions[:, width + step].tolist()
        seen = spy.seen[len(TEXTS) * layers + step * layers][:, 0, 0] == 0  # [B, M]
        for row, length in enumerate(lengths.tolist()):
            # In the engine steps follow a row's own text; in a padded batch they follow the longest.
            wanted = torch.cat([allowed[row, width + step, :length], allowed[row, width + step, width:]])
            assert torch.equal(seen[row, : len(wanted)], wanted) and not seen[row, len(wanted) :].any()


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "as shipped")
def test_the_first_step_reads_bos_and_the_others_the_frame_before(options, monkeypatch):
    model = toys.toy_lm(toys.toy_lm_config(**options, num_layers=3 if "reader_layer" in options else 2))
    engine = Engine(model, 1)
    inputs, made = [], []
    block, embed = engine.lm.blocks[0], engine.lm.embed
    project = block.project
    engine.submit(Prompt(torch.arange(4, 10)), SamplingConfig(min_frames=1000))
    engine.fill()
    monkeypatch.setattr(block, "project", lambda x, cos, sin: inputs.append(x.clone()) or project(x, cos, sin))
    tokens = []
    for _ in range(STEPS):
        tokens.append(int(engine.rows.reader_positions[0]))
        engine.step()
        made.append(engine.rows.digits[0].clone())
    frames = torch.stack([embed(digits[None])[0] for digits in made])[None]
    wanted = sequence.step_inputs(model.begin, frames, STEPS)[0]
    if model.config.reader_layer:
        wanted = wanted + model.text_embedding(torch.arange(4, 10))[tokens]
    assert torch.allclose(torch.cat(inputs), wanted, atol=1e-5)
