"""A published model speaking: guidance, voice prefixes, batches, its stop head, and tries to choose from."""

import json
from dataclasses import replace

import pytest
import torch

import gepard_files
import toys
from speechllm import Prompt, SamplingConfig, SpeechLM, generate
from speechllm.digits import codes_to_digits
from speechllm.gepard.voice import Gepard, load, read_config
from speechllm.inference.engine import Engine
from speechllm.inference.generate import best_of
from speechllm.inference.weights import packed

SENTENCE = "Nobody in the village had seen it coming."


@pytest.fixture(scope="module")
def gepard(tmp_path_factory) -> Gepard:
    return load(gepard_files.write_folder(tmp_path_factory.mktemp("gepard")))


@pytest.fixture(scope="module")
def lm(gepard) -> SpeechLM:
    return gepard.lm.float()


def codes_of(frames) -> torch.Tensor:
    """int64 [T, K]."""
    return torch.stack([frame.codes for frame in frames])


def request(gepard: Gepard, text: str = SENTENCE, prefix: torch.Tensor | None = None, **sampling: object):
    """A prompt that can be guided, and how it is sampled."""
    ids, unguided = torch.tensor(gepard.frontend(text).ids), torch.tensor(gepard.frontend.unguided)
    settings = {"temperature": 0.7, "max_frames": 40, "min_frames": 40, **sampling}
    return Prompt(ids, prefix, unguided), SamplingConfig(**settings)


@torch.no_grad()
@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_decoding_equals_teacher_forcing_of_both_branches(gepard, lm, guidance):
    """At temperature 0 every digit is the likeliest of the guided logits, and confidence is what the text says."""
    prefix = lm.voice_prefix(toys.random_codes(1, 30)[0])
    prompt, sampling = request(gepard, prefix=prefix, temperature=0.0, guidance=guidance)
    frames = list(generate(lm, prompt, sampling))
    digits = codes_to_digits(codes_of(frames)[None], toys.LEVELS)
    nowhere = torch.zeros(1, len(frames), dtype=torch.long)
    branches = [
        lm(ids[None], torch.tensor([len(ids)]), digits, nowhere, prefix=prefix[None]).digits[0]
        for ids in (prompt.ids, prompt.unguided)
    ]
    guided = branches[1] + guidance * (branches[0] - branches[1])
    start, levels = 0, toys.LEVELS * 8
    sure = torch.zeros(len(frames))
    for c, level in enumerate(levels):
        part = guided[:, start : start + level]
        best = part.max(-1).values - part.gather(1, digits[0, :, c, None])[:, 0]
        assert best.max() < 1e-3
        said = branches[0][:, start : start + level].log_softmax(-1)
        sure += said.gather(1, digits[0, :, c, None])[:, 0] / len(levels)
        start += level
    assert torch.allclose(torch.tensor([f.confidence for f in frames]), sure.exp(), atol=1e-3)


def test_guidance_is_off_at_one_and_after_its_frames(gepard, lm):
    def said(**sampling: object) -> torch.Tensor:
        return codes_of(generate(lm, *request(gepard, **sampling)))

    plain, guided, some = said(), said(guidance=3.0), said(guidance=3.0, guidance_frames=1)
    assert not torch.equal(plain, guided)
    assert torch.equal(some[0], guided[0]) and not torch.equal(some, guided)


def test_a_batch_of_all_kinds_does_not_change_the_answer(gepard, lm):
    texts = [SENTENCE, "Yes!", "Two boats had come in late.", SENTENCE * 2, "No."]
    kinds = [dict(seed=i, guidance=(1.0, 3.0)[i % 2], min_frames=1, max_frames=20 + 7 * i) for i in range(5)]
    prefixes = [None, lm.voice_prefix(None), lm.voice_prefix(toys.random_codes(1, 20)[0]), None, lm.voice_prefix(None)]
    work = [request(gepard, text, prefix, **kind) for text, kind, prefix in zip(texts, kinds, prefixes, strict=True)]
    for precision in ("float32", "bfloat16", "int8"):
        alone = [codes_of(generate(lm, *one, precision)) for one in work]
        for slots in (2, 3, 7):
            engine = Engine(lm, slots, precision)
            found = {engine.submit(*one): [] for one in work}
            while engine.busy:
                for made in engine.step():
                    found[made.ticket] += [] if made.frame is None else [made.frame]
            for frames, wanted in zip(found.values(), alone, strict=True):
                assert torch.equal(codes_of(frames), wanted)


def test_rows_that_change_places_keep_their_random_numbers(gepard, lm):
    """A first request that ends moves the follower of the second before its leader; both then go on beyond a draw."""
    first = request(gepard, "Yes!", min_frames=10, max_frames=10)
    second = request(gepard, seed=5, guidance=2.0, min_frames=80, max_frames=80)
    alone = codes_of(generate(lm, *second))
    engine, places, made = Engine(lm, 3), [], []
    engine.submit(*first)
    ticket = engine.submit(*second)
    while engine.busy:
        made += [one.frame for one in engine.step() if one.ticket == ticket and one.frame is not None]
        places.append([row.conditional is None for row in engine.running])
    assert [False, True] in places
    assert torch.equal(codes_of(made), alone)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_nor_at_the_published_widths(precision):
    """Whose sums are long enough for kernels to share them out."""
    torch.manual_seed(0)
    lm = SpeechLM(replace(read_config({})[0], num_layers=2, vocab_size=300)).eval()
    with torch.no_grad():
        torch.nn.init.normal_(lm.begin, std=0.1)
        torch.nn.init.normal_(lm.frame_head.weight, std=0.2)
    prompts = [Prompt(torch.arange(3 + 9 * i), unguided=torch.tensor([1, 2])) for i in range(6)]
    settings = [SamplingConfig(0.5, seed=i, min_frames=12, max_frames=12, guidance=1 + i % 2) for i in range(6)]
    engine = Engine(lm, 9, precision)
    found = {engine.submit(*one): [] for one in zip(prompts, settings, strict=True)}
    while engine.busy:
        for made in engine.step():
            found[made.ticket].append(made.frame)
    for frames, prompt, s in zip(found.values(), prompts, settings, strict=True):
        assert torch.equal(codes_of(frames), codes_of(generate(lm, prompt, s, precision)))


def with_stop(lm: SpeechLM, bias: float) -> SpeechLM:
    """A copy whose stop head says the same of everything."""
    copy = SpeechLM(lm.config)
    copy.load_state_dict(lm.state_dict())
    with torch.no_grad():
        copy.stop_head.weight.zero_()
        copy.stop_head.bias.fill_(bias)
    return copy.eval()


def test_the_stop_head_judges_a_frame_once_it_is_read(gepard, lm):
    """It is not asked before there is a frame, and the frame it stops at is kept."""
    asked = request(gepard, min_frames=1)
    assert len(list(generate(with_stop(lm, 1.0), *asked))) == 1
    assert len(list(generate(with_stop(lm, 0.0), *asked))) == 40  # strictly above one half
    engine = Engine(with_stop(lm, 1.0), 2)
    tickets = [engine.submit(*asked) for _ in range(3)]
    made = []
    while engine.busy:
        made += engine.step()
    for ticket in tickets:
        assert [(m.frame is None, m.last) for m in made if m.ticket == ticket] == [(False, False), (True, True)]


def test_training_and_decoding_mean_the_same_by_the_stop_head(gepard, lm, monkeypatch):
    prompt, sampling = request(gepard)
    logits, head = [], packed(lm).heads
    monkeypatch.setattr(packed(lm), "heads", lambda x: logits.append(head(x)[0]) or head(x))
    frames = list(generate(lm, prompt, sampling))
    digits = codes_to_digits(codes_of(frames)[None], toys.LEVELS)
    with torch.no_grad():
        whole = lm(
            prompt.ids[None], torch.tensor([len(prompt.ids)]), digits, torch.zeros(1, len(frames), dtype=torch.long)
        )
    assert whole.reader is None and whole.stop.shape == (1, len(frames))
    assert torch.allclose(torch.stack(logits)[1:, -1], whole.stop[0, :-1], atol=1e-4)


def test_a_voice_that_is_stuck_is_over(gepard, lm):
    silent = with_stop(lm, -5.0)
    with torch.no_grad():
        silent.frame_head.weight.zero_()
        silent.frame_head.bias.copy_(torch.randn(216) * 20)
    asked = request(gepard, min_frames=1, max_frames=500, temperature=0.0)
    assert len(list(generate(silent, *asked))) == 1 + 43  # two seconds of the same


def test_the_surest_plausible_try_is_kept(gepard, lm):
    prompt, sampling = request(gepard, min_frames=1, max_frames=60)
    seeds = [sampling.seed + 7_368_787 * n for n in range(6)]
    tries = [list(generate(lm, *request(gepard, min_frames=1, max_frames=60, seed=s))) for s in seeds]
    lengths = sorted(len(frames) for frames in tries)
    assert lengths[0] < lengths[-1]
    for fewest in (0, lengths[len(lengths) // 2]):
        fit = [frames for frames in tries if fewest <= len(frames) < 60] or tries
        wanted = max(fit, key=lambda frames: sum(f.confidence for f in frames) / len(frames))
        found = best_of(lm, prompt, sampling, tries=6, min_plausible_frames=fewest)
        assert torch.equal(codes_of(found), codes_of(wanted))


def test_what_cannot_be_guided_says_so(gepard, lm):
    prompt, sampling = request(gepard, guidance=2.0)
    for wrong in (
        lambda: Engine(lm, 1).submit(prompt, sampling),
        lambda: Engine(lm, 4).submit(Prompt(prompt.ids), sampling),
    ):
        with pytest.raises(ValueError, match=r"guidance=2.0.*engine of 2 slots"):
            wrong()
    with pytest.raises(ValueError, match=r"guidance=2.0.*engine of 2 slots"):
        Engine(toys.toy_lm(), 1).submit(Prompt(prompt.ids[:5] % 40), SamplingConfig(guidance=2.0))


def test_it_can_be_saved_and_trained_as_any_speech_lm(lm, tmp_path):
    lm.save_pretrained(tmp_path, torch.float32)
    again = SpeechLM.from_pretrained(tmp_path)
    assert again.config == lm.config
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), lm.parameters(), strict=True))
    assert json.loads((tmp_path / "config.json").read_text())["reader_layer"] == 0
