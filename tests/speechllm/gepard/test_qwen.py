"""The transformer against transformers' own: grouped queries, gates, norms, rotary positions, cached and not."""

import pytest
import torch

import gepard_files
import toys
from speechllm import Prompt, SamplingConfig, SpeechLM
from speechllm.digits import codes_to_digits
from speechllm.gepard.voice import load
from speechllm.inference.engine import Engine
from speechllm.inference.weights import packed
from speechllm.model.attention import rotary_table

qwen = pytest.importorskip("transformers.models.qwen3_5.modeling_qwen3_5", reason="needs transformers 5.2 or newer")
SIZES = {
    "tiny": gepard_files.TINY,
    "published": dict(  # widths as published, the vocabulary cut
        gepard_files.TINY,
        hidden_size=1024,
        num_hidden_layers=14,
        num_attention_heads=8,
        head_dim=256,
        intermediate_size=3584,
        layer_types=["full_attention"] * 14,
    ),
}
TEXT, FRAMES = 27, 33


def oracle(values: dict[str, object], weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    """transformers' model with the same weights, in float32."""
    from transformers import Qwen3_5TextConfig

    config = Qwen3_5TextConfig(**values["backbone_config"], attention_bias=False, attn_implementation="eager")
    model = qwen.Qwen3_5TextModel(config).eval()
    body = {n.removeprefix("model."): t.float() for n, t in weights.items() if n.startswith("model.")}
    model.load_state_dict(body)
    return model


@pytest.fixture(scope="module", params=SIZES)
def pair(request, tmp_path_factory):
    """Our model and theirs."""
    values = gepard_files.configuration(SIZES[request.param])
    folder = gepard_files.write_folder(tmp_path_factory.mktemp(request.param), values)
    weights = gepard_files.random_weights(values)
    return load(folder, rope_rounded=False).lm.float(), oracle(values, weights)


def inputs(lm: SpeechLM):
    """Ids, digits, a prefix, and the embedded whole of it."""
    ids = torch.randint(0, 256, (1, TEXT))
    digits = codes_to_digits(toys.random_codes(1, FRAMES).transpose(1, 2), toys.LEVELS)
    prefix = lm.voice_prefix(toys.random_codes(1, 50, seed=1)[0])
    begin = lm.begin.expand(1, 1, -1)
    whole = torch.cat([prefix[None], lm.text_embedding(ids), begin, lm.embed_frames(digits)[:, :-1]], dim=1)
    return ids, digits, prefix, whole


@torch.no_grad()
def test_the_whole_at_once_is_theirs(pair):
    lm, theirs = pair
    ids, digits, prefix, whole = inputs(lm)
    seen = []
    hook = lm.norm.register_forward_hook(lambda _, __, x: seen.append(x))
    lm(ids, torch.tensor([TEXT]), digits, torch.zeros(1, FRAMES, dtype=torch.long), prefix=prefix[None])
    hook.remove()
    wanted = theirs(inputs_embeds=whole).last_hidden_state[:, -FRAMES:]
    difference = (seen[0][:, :FRAMES] - wanted).abs().max()
    scale = wanted.abs().max()
    print(f"scale {scale:.2f}, difference {difference:.1e}")
    assert 2 < scale < 10
    assert difference <= 5e-5


@torch.no_grad()
def test_step_by_step_with_a_cache_is_theirs(pair, monkeypatch):
    """The engine draws frames; theirs is then fed the same frames, all at once and step by step with its own cache."""
    lm, theirs = pair
    ids, _, prefix, _ = inputs(lm)
    states, head = [], packed(lm).heads
    monkeypatch.setattr(packed(lm), "heads", lambda x: states.append(x[0].clone()) or head(x))
    engine = Engine(lm, 1)
    engine.submit(Prompt(ids[0], prefix), SamplingConfig(temperature=1.0, min_frames=1000, max_frames=FRAMES))
    codes = []
    while engine.busy:
        codes += [made.frame.codes for made in engine.step() if made.frame is not None]
    digits = codes_to_digits(torch.stack(codes)[None], toys.LEVELS)
    begin = lm.begin.expand(1, 1, -1)
    whole = torch.cat([prefix[None], lm.text_embedding(ids), begin, lm.embed_frames(digits)[:, :-1]], dim=1)
    wanted = theirs(inputs_embeds=whole).last_hidden_state[0, -FRAMES:]
    assert len(codes) == FRAMES
    assert (torch.stack(states) - wanted).abs().max() <= 5e-5
    start, cache = whole.shape[1] - FRAMES + 1, None
    for number, part in enumerate([whole[:, :start], *whole[:, start:].split(1, dim=1)]):
        out = theirs(inputs_embeds=part, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        assert (states[number] - out.last_hidden_state[0, -1]).abs().max() <= 5e-5


@torch.no_grad()
def test_rounded_frequencies_are_theirs_after_a_cast(pair):
    _, theirs = pair
    width = theirs.config.head_dim
    inverse = theirs.rotary_emb.inv_freq
    for rounded, frequencies in ((False, inverse), (True, inverse.bfloat16().float())):
        angles = torch.arange(600)[:, None] * frequencies
        table = rotary_table(600, width, 1e7, rounded)
        assert torch.allclose(table[:, 0, : width // 2], angles.cos(), atol=1e-4)
    assert (rotary_table(600, width, 1e7, True) - rotary_table(600, width, 1e7)).abs().max() > 0.1
