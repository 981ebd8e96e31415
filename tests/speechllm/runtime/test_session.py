"""Speaking without torch: the codes of the torch engine, whatever the model's shape, alone or among others."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import toys
from sources import ROOT
from speechllm import Prompt, SamplingConfig, SpeechLM, generate
from speechllm.inference.generate import best_of
from speechllm.inference.sampling import gumbel
from speechllm.runtime import generate as without_torch
from speechllm.runtime.lm import RuntimeLM
from speechllm.runtime.noise import Noise
from speechllm.runtime.session import Session

export = pytest.importorskip("speechllm.export.export", reason="exporting needs onnx")

NO_READER = dict(reader_layer=0, stop_after=True, causal_text=True, shared_positions=True)
SHAPES = {
    "reader": {},
    "two frames a step": dict(frames_per_step=2),
    "three frames a step, no reader": dict(NO_READER, frames_per_step=3, stop_after=False),
    "grouped queries": dict(num_heads=4, num_kv_heads=2, head_dim=16),
    "norms and gates": dict(qk_norm=True, gated_attention=True),
    "biases, another epsilon": dict(qkv_bias=True, norm_eps=0.01, rope_scaling=(8.0, 1.0, 4.0, 16.0)),
    "all habits of published models": dict(
        NO_READER,
        num_heads=4,
        num_kv_heads=1,
        head_dim=16,
        qk_norm=True,
        gated_attention=True,
        rope_theta=1e6,
        rope_rounded=True,
        frame_tables=6,
    ),  # fmt: skip
    "a voice prefix": dict(NO_READER, prefix_queries=5),
    "many voices": dict(speaker_dim=12, prefix_queries=3, prefix_heads=4, prefix_layers=1),
}
SAMPLING = SamplingConfig(temperature=0.7, max_frames=40, trailing_frames=6)


def exported(tmp_path, **shape) -> tuple[SpeechLM, dict[str, RuntimeLM]]:
    toys.toy_lm(toys.toy_lm_config(**shape)).save_pretrained(tmp_path)
    export.export_lm(tmp_path)
    return SpeechLM.from_pretrained(tmp_path), {p: RuntimeLM.load(tmp_path, p) for p in ("float32", "int8")}


def prompts(
    length: int = 9, seed: int = 0, prefix: torch.Tensor | None = None, nobody: torch.Tensor | None = None
) -> tuple[Prompt, Prompt]:
    """The same prompt for either engine."""
    ids = torch.randint(40, (length,), generator=torch.Generator().manual_seed(seed))
    unguided = torch.tensor([3, 4])
    given = prefix, unguided, nobody
    return Prompt(ids, *given), Prompt(ids.numpy(), *(None if part is None else part.numpy() for part in given))


def spoken(frames) -> list[tuple]:
    return [(np.asarray(frame.codes).tolist(), frame.position) for frame in frames]


def assert_same(torch_frames, frames) -> None:
    ours, theirs = list(frames), list(torch_frames)
    assert spoken(ours) == spoken(theirs) and len(ours) > 3
    assert [f.confidence for f in ours] == pytest.approx([f.confidence for f in theirs], abs=1e-5)


@pytest.mark.parametrize("temperature", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("shape", SHAPES)
def test_float32_writes_the_codes_of_torch(tmp_path, shape, temperature):
    model, by_precision = exported(tmp_path, **SHAPES[shape])
    for seed in range(3):
        settings = replace(SAMPLING, seed=seed + 10**15, temperature=temperature)
        given, arrays = prompts(5 + 20 * seed, seed)
        assert_same(generate(model, given, settings), without_torch.generate(by_precision["float32"], arrays, settings))


@pytest.mark.parametrize(
    "settings",
    [
        replace(SAMPLING, reader_temperature=0.8, max_frames_per_token=3),
        replace(SAMPLING, max_frames=9),
        replace(SAMPLING, trailing_frames=2, min_frames=1),
        SamplingConfig(),
    ],
)
def test_the_bounds_of_a_reader_are_those_of_torch(tmp_path, settings):
    model, by_precision = exported(tmp_path)
    given, arrays = prompts(12)
    assert_same(generate(model, given, settings), without_torch.generate(by_precision["float32"], arrays, settings))


@pytest.mark.parametrize("guidance_frames", [0, 7])
@pytest.mark.parametrize(
    "shape",
    ["reader", "two frames a step", "many voices", "three frames a step, no reader", "all habits of published models"],
)
def test_guidance_is_that_of_torch(tmp_path, shape, guidance_frames):
    model, by_precision = exported(tmp_path, **SHAPES[shape])
    settings = replace(SAMPLING, guidance=1.7, guidance_frames=guidance_frames)
    voice = torch.ones(toys.toy_lm_config(**SHAPES[shape]).prefix_positions, model.config.dim)
    prefixes = {} if not len(voice) else dict(prefix=voice, nobody=voice * -0.5)
    given, arrays = prompts(**prefixes)
    assert_same(generate(model, given, settings), without_torch.generate(by_precision["float32"], arrays, settings))


def test_without_a_reader_guidance_takes_ids_in_place_of_the_text(tmp_path):
    lm = exported(tmp_path, **SHAPES["a voice prefix"])[1]["float32"]
    with pytest.raises(ValueError, match=r"got guidance=2.0; without a reader it takes ids"):
        Session(lm, replace(prompts()[1], unguided=None), replace(SAMPLING, guidance=2.0))


def test_graphs_without_a_guided_step_say_so(tmp_path):
    _, by_precision = exported(tmp_path)
    (tmp_path / "guided-step-float32.onnx").unlink()
    with pytest.raises(ValueError, match=r"has no guided-step-float32.onnx.*guidance=1"):
        Session(by_precision["float32"], prompts()[1], replace(SAMPLING, guidance=1.7))


def test_a_voice_prefix_is_heard(tmp_path):
    model, by_precision = exported(tmp_path, **SHAPES["a voice prefix"])
    given, arrays = prompts(prefix=model.voice_prefix(toys.random_codes(1, 20)[0]))
    lm = by_precision["float32"]
    assert_same(generate(model, given, SAMPLING), without_torch.generate(lm, arrays, SAMPLING))
    assert spoken(without_torch.generate(lm, arrays, SAMPLING)) != spoken(
        without_torch.generate(lm, replace(arrays, prefix=None), SAMPLING)
    )


@pytest.mark.parametrize("known", [(True, True), (False, True), (True, False), (False, False)])
def test_the_voice_of_a_speaker_and_of_a_recording(tmp_path, known):
    """The prefix that the graph makes is that of torch, and a reader begins behind it."""
    model, by_precision = exported(tmp_path, **SHAPES["many voices"])
    lm = by_precision["float32"]
    codes = toys.random_codes(1, 20)[0] if known[0] else None
    vector = torch.nn.functional.normalize(torch.arange(12.0), dim=0) if known[1] else None
    prefix = model.voice_prefix(codes, vector)
    ours = lm.voice_prefix(None if codes is None else codes.numpy(), None if vector is None else vector.numpy())
    assert ours.shape == (4, 32)
    np.testing.assert_allclose(ours, prefix.numpy(), atol=2e-6)
    for seed in range(3):
        given, arrays = prompts(12, seed, prefix)
        frames = list(without_torch.generate(lm, arrays, SAMPLING))
        assert_same(generate(model, given, SAMPLING), frames)
        assert frames[0].position < 10 and max(frame.position for frame in frames) <= 11


def test_the_surest_of_several_tries_is_that_of_torch(tmp_path, monkeypatch):
    model, by_precision = exported(tmp_path)
    given, arrays = prompts()
    lm, texts = by_precision["float32"], []
    prefill = lm.prefill
    monkeypatch.setattr(lm, "prefill", lambda ids, prefix: texts.append(ids) or prefill(ids, prefix))
    ours = without_torch.best_of(lm, arrays, SAMPLING, 4, 3)
    assert spoken(ours) == spoken(best_of(model, given, SAMPLING, "float32", 4, 3))
    assert len(texts) == 1, "every try prefills the text anew"


@pytest.mark.parametrize("precision", ["int8", "float32"])
@pytest.mark.parametrize("shape", ["reader", "three frames a step, no reader"])
def test_sessions_that_take_turns_write_what_each_writes_alone(tmp_path, shape, precision):
    lm = exported(tmp_path, **SHAPES[shape])[1][precision]
    requests = [(prompts(4 + 3 * n, n)[1], replace(SAMPLING, seed=n, temperature=0.3 * n)) for n in range(5)]
    alone = [spoken(without_torch.generate(lm, *request)) for request in requests]
    sessions, together = [Session(lm, *request) for request in requests], [[] for _ in requests]
    order = np.random.default_rng(0)
    while running := [n for n, session in enumerate(sessions) if not session.done]:
        number = int(order.choice(running))
        together[number] += sessions[number].step()
    assert [spoken(frames) for frames in together] == alone


def test_int8_is_close_to_float32(tmp_path):
    _, by_precision = exported(tmp_path, dim=64, mlp_dim=128)
    arrays = prompts(20)[1]
    stops = []
    for lm in by_precision.values():
        session = Session(lm, arrays, replace(SAMPLING, temperature=0.0))
        session.step()
        stops.append((float(session.results["stop"][0]), float(session.results["confidence"][0])))
    assert stops[0] != stops[1] and stops[0] == pytest.approx(stops[1], abs=0.3)


def test_random_numbers_are_those_of_torch():
    for seed in (0, 1, 2**31 + 5, 2**40 + 17, 2**63 - 1):
        wanted = gumbel([3, 7], torch.Generator().manual_seed(seed)).numpy()
        assert Noise(seed).draw(3, 7) == pytest.approx(wanted, abs=2e-6)


@pytest.mark.parametrize(
    ("length", "settings", "message"),
    [
        (0, SAMPLING, r"got 0 tokens; this model reads 1\.\.96"),
        (97, SAMPLING, r"got 97 tokens"),
    ],
)
def test_impossible_requests_are_refused(tmp_path, length, settings, message):
    lm = exported(tmp_path)[1]["float32"]
    with pytest.raises(ValueError, match=message):
        Session(lm, prompts(length)[1], settings)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("prefill.onnx", None, "no prefill.onnx; expected a speech LM that was exported"),
        ("step-int8.onnx", b"junk", "step-int8.onnx does not load"),
        ("config.json", b"{", "not a readable speech LM"),
        ("model.safetensors", "retrained", "made from other weights; export it again"),
    ],
)
def test_a_broken_folder_is_refused(tmp_path, file, change, message):
    exported(tmp_path)
    if change == "retrained":
        toys.toy_lm(seed=5).save_pretrained(tmp_path)
    else:
        (tmp_path / file).unlink()
        if change:
            (tmp_path / file).write_bytes(change)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        RuntimeLM.load(tmp_path)


def test_heads_that_the_runtime_cannot_take_are_refused(tmp_path):
    with pytest.raises(ValueError, match="got heads of 8 channels"):
        exported(tmp_path, num_heads=4)


def test_no_torch_is_needed(tmp_path):
    exported(tmp_path)
    program = f"""
import sys
sys.modules["torch"] = None  # importing it fails
import json, numpy as np
from speechllm import Prompt, SamplingConfig
from speechllm.runtime.generate import generate
from speechllm.runtime.lm import RuntimeLM
lm = RuntimeLM.load({str(tmp_path)!r}, "float32")
frames = generate(lm, Prompt(np.arange(9)), SamplingConfig(max_frames=12, seed=3))
print(json.dumps([frame.codes.tolist() for frame in frames]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    model = SpeechLM.from_pretrained(tmp_path)
    wanted = generate(model, Prompt(torch.arange(9)), SamplingConfig(max_frames=12, seed=3))
    assert json.loads(done.stdout) == [frame.codes.tolist() for frame in wanted]


def test_what_the_model_has_no_place_for_is_refused(tmp_path):
    lm = exported(tmp_path, max_frames=96)[1]["float32"]
    with pytest.raises(ValueError, match="got max_frames=400; this model writes at most 96"):
        Session(lm, Prompt(np.arange(5)), SamplingConfig(max_frames=400))
    with pytest.raises(ValueError, match="got ids in 39..40; this model knows 0..39"):
        Session(lm, Prompt(np.array([39, 40])), SamplingConfig())
