"""Packed weights: they compute what the model's do, and are kept so that threads and precisions do not meet."""

import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import toys
from speechllm import Frame, Prompt, SamplingConfig, SpeechLM, generate
from speechllm.config import PRECISIONS
from speechllm.digits import codes_to_digits, digits_to_values
from speechllm.inference import weights
from speechllm.inference.engine import Engine
from speechllm.inference.weights import PackedBlock, gelu, norm, packed

OPTIONS = {
    "as shipped": {},
    "as published": dict(num_kv_heads=1, head_dim=8, qk_norm=True, gated_attention=True, frame_tables=4),
}
CLOSE = dict(rtol=1e-4, atol=1e-5)
THREADS = 4
IDS = torch.randint(4, 40, (20,), generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=OPTIONS)
def model(request) -> SpeechLM:
    return toys.toy_lm(toys.toy_lm_config(frames_per_step=2, **OPTIONS[request.param]))


# what they compute


def test_the_norm_and_gelu_are_the_usual_ones():
    layer, x = nn.RMSNorm(32, eps=1e-6), torch.randn(5, 32)
    nn.init.uniform_(layer.weight)
    assert torch.allclose(norm(x, torch.tensor(32 * 1e-6)) * weights.gain(layer), layer(x), **CLOSE)
    tiny = x * 1e-4  # where eps matters
    assert torch.allclose(norm(tiny, torch.tensor(32 * 1e-6)) * weights.gain(layer), layer(tiny), **CLOSE)
    assert torch.allclose(gelu(x), F.gelu(x), **CLOSE)


@torch.no_grad()
def test_a_packed_block_computes_what_the_block_does(model):
    block, x = model.blocks[1], torch.randn(6, model.config.dim)
    packed_block = PackedBlock(block, weights.KINDS["float32"])
    cos, sin = model.rotary[:6, :, None].unbind(1)
    parts = zip(packed_block.project(x, cos, sin), block.project(x, cos, sin), strict=True)
    assert all(a.shape == b.shape and torch.allclose(a, b, **CLOSE) for a, b in parts)
    y, gate = torch.randn(6, block.attention.output.in_features), block.project(x, cos, sin)[3]
    assert torch.allclose(packed_block.finish(x, y, gate), block.finish(x, y, gate), **CLOSE)


@torch.no_grad()
def test_the_packed_reader_scores_as_the_reader_does(model):
    reader, lengths, previous = model.reader, torch.tensor([12, 4, 1]), torch.tensor([3, 2, 0])
    x, keys = torch.randn(3, model.config.dim), torch.randn(3, 12, model.config.dim)
    wanted = reader.logits(x[:, None], keys, previous[:, None], lengths)[:, 0]
    found = packed(model).read.logits(x, keys, torch.arange(3), previous, lengths)
    assert torch.equal(found.isfinite(), wanted.isfinite())
    assert torch.allclose(found, wanted, **CLOSE)


@torch.no_grad()
def test_packed_frames_are_embedded_as_the_model_does(model):
    digits = codes_to_digits(toys.random_codes(1, 10).transpose(1, 2).reshape(5, 16), toys.LEVELS)  # 2 frames a step
    assert torch.allclose(packed(model).embed(digits), model.embed_frames(digits[None])[0], **CLOSE)
    x, first = torch.randn(5, model.config.dim), digits[:, :32]
    wanted = model.local(x, digits_to_values(first, toys.LEVELS))
    assert torch.allclose(packed(model).local(x, first), wanted, **CLOSE)


# how they are kept


def speak(model: SpeechLM, precision: str, seed: int = 0) -> list[Frame]:
    return list(generate(model, Prompt(IDS), SamplingConfig(0.5, seed=seed, max_frames_per_token=4), precision))


def same(a: list[Frame], b: list[Frame]) -> bool:
    return len(a) == len(b) and all(x[1:] == y[1:] and torch.equal(x.codes, y.codes) for x, y in zip(a, b, strict=True))


def at_once(*calls):
    """The results of calls that begin together, each in a thread of its own."""
    barrier = threading.Barrier(len(calls))

    def run(call):
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.fixture
def slow_packing(monkeypatch):
    """Packing a block gives other threads time to come in between; lists what was packed."""
    made, pack = [], PackedBlock.__init__

    def init(self, block, kind):
        made.append(kind)
        time.sleep(0.01)
        pack(self, block, kind)

    monkeypatch.setattr(PackedBlock, "__init__", init)
    return made


def test_precisions_are_kept_side_by_side():
    model = toys.toy_lm()
    first = {precision: packed(model, precision) for precision in PRECISIONS}
    assert all(packed(model, precision) is first[precision] for precision in PRECISIONS)
    assert [lm.precision for lm in first.values()] == list(PRECISIONS)


def test_changed_weights_are_packed_again():
    model = toys.toy_lm()
    first = packed(model), packed(model, "int8")
    assert (packed(model), packed(model, "int8")) == first
    with torch.no_grad():
        model.begin.add_(1)
        model.frame_head.bias.add_(1)
    assert packed(model) is not first[0] and packed(model, "int8") is not first[1]
    assert packed(model, "int8").precision == "int8"


def test_packed_weights_live_as_long_as_their_model():
    model = toys.toy_lm()
    kept = weakref.ref(packed(model))
    gc.collect()
    assert kept() is not None
    del model
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("consume", [False, True])
def test_threads_that_ask_at_once_get_the_same(consume, slow_packing):
    model = toys.toy_lm()
    found = at_once(*[lambda: packed(model, "bfloat16", consume)] * THREADS)
    assert all(lm is found[0] for lm in found)
    assert len(slow_packing) == model.config.num_layers


def test_threads_of_two_precisions_say_what_each_says_alone(slow_packing):
    model, alone = toys.toy_lm(), toys.toy_lm()
    kinds = [(precision, seed) for seed in range(2) for precision in ("int8", "float32")]
    wanted = [speak(alone, *kind) for kind in kinds]
    slow_packing.clear()
    found = at_once(*[lambda kind=kind: speak(model, *kind) for kind in kinds])
    assert all(same(a, b) for a, b in zip(found, wanted, strict=True))
    assert len(slow_packing) <= 3 * model.config.num_layers  # float32 for steps; int8 for steps, bfloat16 for its texts


def test_weights_that_are_given_up_stay_with_whoever_has_them():
    model, wanted = toys.toy_lm(), speak(toys.toy_lm(), "float32")
    engine, frames = Engine(model, 1), []
    large = packed(model, "bfloat16", consume=True)
    engine.submit(Prompt(IDS), SamplingConfig(0.5, max_frames_per_token=4))  # prefilled by the model's own blocks
    while engine.busy:
        frames += [result.frame for result in engine.step()]
    assert same(frames, wanted)
    assert same(speak(model, "float32"), wanted)
    assert packed(model, "bfloat16") is large
    assert all(parameter.is_meta for parameter in model.blocks.parameters())
    with pytest.raises(ValueError, match="given up when they were packed; load them again for int8"):
        packed(model, "int8")
