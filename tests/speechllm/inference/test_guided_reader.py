"""Guidance of a model with a reader: the second row knows the length of the text, where it is read, and no more.

In a model of many voices it does not know whose voice it is, either, where the prompt says what stands there then.
"""

from dataclasses import replace

import pytest
import torch

import toys
from speechllm import Prompt, SamplingConfig, generate
from speechllm.digits import codes_to_digits
from speechllm.inference.engine import Engine

MANY_VOICES = dict(speaker_dim=12, prefix_queries=3, prefix_heads=4, prefix_layers=1)
# The reader draws, so that a second row that read by itself would be elsewhere.
SAMPLING = SamplingConfig(temperature=0.7, reader_temperature=1.0, max_frames=60, trailing_frames=6, guidance=1.7)


def prompt_of(lm, length: int = 9, seed: int = 0) -> Prompt:
    ids = torch.randint(40, (length,), generator=torch.Generator().manual_seed(seed))
    return Prompt(ids, lm.voice_prefix(toys.random_codes(1, 20)[0]), nobody=lm.voice_prefix(None))


def said(frames) -> list[tuple]:
    return [(frame.codes.tolist(), frame.position, frame.confidence) for frame in frames]


@torch.no_grad()
@pytest.mark.parametrize(("shape", "stays"), [({}, False), (MANY_VOICES, False), (MANY_VOICES, True)])
@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_decoding_equals_teacher_forcing_of_both_branches(shape, stays, guidance):
    """At temperature 0 every digit is the likeliest of the guided logits; the text alone says where it is read."""
    lm = toys.toy_lm(toys.toy_lm_config(**shape))
    for block in lm.blocks:  # so that it matters where text that is hidden is read
        for layer in (block.attention.qkv, block.attention.output, block.gate_up, block.down):
            layer.weight.mul_(6)
    lm.reader.value.weight.mul_(20)
    for part in (lm.speaker, lm.prefix) if shape else ():  # so that it matters who speaks
        part.nobody.normal_(generator=torch.Generator().manual_seed(3))
    prompt = prompt_of(lm)
    if stays:
        prompt = replace(prompt, nobody=None)
    frames = list(generate(lm, prompt, replace(SAMPLING, temperature=0.0, guidance=guidance)))
    digits = codes_to_digits(torch.stack([frame.codes for frame in frames])[None], toys.LEVELS)
    positions = torch.tensor([[frame.position for frame in frames]])
    voices = prompt.prefix, prompt.prefix if stays else prompt.nobody
    given = prompt.ids[None], torch.tensor([len(prompt.ids)]), digits, positions
    outputs = [
        lm(*given, prefix=None if voice is None else voice[None], text_known=torch.tensor([known]))
        for voice, known in zip(voices, (True, False), strict=True)
    ]
    seen, unseen = (output.digits[0] for output in outputs)
    advance = positions[0].diff(prepend=torch.zeros(1, dtype=torch.long))[:, None]
    sure = torch.tensor([frame.confidence for frame in frames])
    assert torch.allclose(sure, outputs[0].reader[0].softmax(-1).gather(1, advance)[:, 0], atol=1e-4)
    guided = (unseen + guidance * (seen - unseen)).split(toys.LEVELS * 8, dim=-1)
    for index, part in enumerate(guided):
        best = part.max(-1).values - part.gather(1, digits[0, :, index, None])[:, 0]
        assert best.max() < 1e-4
    assert (seen - unseen).abs().max() > 1e-3, "the text makes a difference"


def test_among_others_as_alone():
    lm = toys.toy_lm(toys.toy_lm_config(**MANY_VOICES))
    kinds = [replace(SAMPLING, seed=i, guidance=(1.0, 1.7)[i % 2], max_frames=20 + 3 * i) for i in range(5)]
    prompts = [prompt_of(lm, 5 + 3 * i, i) for i in range(5)]
    alone = [said(generate(lm, *pair)) for pair in zip(prompts, kinds, strict=True)]
    engine, found = Engine(lm, 5), {}
    tickets = [engine.submit(*pair) for pair in zip(prompts, kinds, strict=True)]
    while engine.busy:
        for ticket, frame, _ in engine.step():
            found.setdefault(ticket, []).append(frame)
    assert [said(found[ticket]) for ticket in tickets] == alone


def test_it_changes_what_is_said_and_ends_when_told():
    lm = toys.toy_lm()
    plain, guided, some = (
        said(generate(lm, prompt_of(lm), replace(SAMPLING, **settings)))
        for settings in (dict(guidance=1.0), dict(guidance=3.0), dict(guidance=3.0, guidance_frames=1))
    )
    assert guided[0] == some[0] and plain != guided != some
