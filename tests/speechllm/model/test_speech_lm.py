"""The speech LM: what a frame may see, and that teacher forcing and decoding are one computation."""

import pytest
import torch
from safetensors.torch import load_file, save_file

import toys
from speechllm import Prompt, SamplingConfig, SpeechLM, generate
from speechllm.digits import codes_to_digits
from speechllm.inference.weights import packed
from speechllm.model.voice_prefix import Reference

TEXT, FRAMES = 12, 10


@pytest.fixture(scope="module")
def model():
    return toys.toy_lm()


def inputs(text: int = TEXT, frames: int = FRAMES, seed: int = 0):
    """Ids, lengths, digits and monotone positions of a batch of one."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 40, (1, text), generator=generator)
    digits = codes_to_digits(toys.random_codes(1, frames, seed).transpose(1, 2), toys.LEVELS)
    positions = torch.randint(0, 3, (1, frames), generator=generator).cumsum(1).clamp(max=text - 1)
    return ids, torch.tensor([text]), digits, positions


MANY_VOICES = dict(speaker_dim=12, prefix_queries=3, prefix_heads=4)
BIASED = dict(qkv_bias=True, norm_eps=0.01)


@torch.no_grad()
@pytest.mark.parametrize("voices", [{}, MANY_VOICES, BIASED], ids=["one voice", "many voices", "biases"])
@pytest.mark.parametrize("frames_per_step", [1, 2, 3])
def test_decoding_step_by_step_with_a_cache_equals_the_whole_at_once(frames_per_step, voices, monkeypatch):
    """What the engine computed for each frame it made is what teacher forcing computes for those frames."""
    model, made = toys.toy_lm(toys.toy_lm_config(frames_per_step=frames_per_step, **voices)), []
    prefix = model.voice_prefix(toys.random_codes(1, 15)[0], torch.ones(12) / 12**0.5)
    ids, lengths, _, _ = inputs()
    heads = packed(model).heads
    monkeypatch.setattr(packed(model), "heads", lambda x: made.append(heads(x)[0]) or heads(x))
    sampling = SamplingConfig(temperature=1.0, reader_temperature=2.0, min_frames=FRAMES)
    frames = list(generate(model, Prompt(ids[0], prefix), sampling))
    codes = torch.stack([f.codes for f in frames]).view(1, -1, frames_per_step * 8)
    positions = torch.tensor([[f.position for f in frames[::frames_per_step]]])
    prefixes = None if prefix is None else prefix[None]
    whole = model(ids, lengths, codes_to_digits(codes, toys.LEVELS), positions, prefix=prefixes)
    moves = positions[0].diff(prepend=torch.tensor([0]))
    confidence = whole.reader[0].softmax(-1).gather(1, moves[:, None])[:, 0]
    logits = torch.stack(made)
    assert len(frames) == len(logits) >= FRAMES
    assert torch.allclose(logits[:, :-1].reshape(whole.digits[0].shape), whole.digits[0], atol=1e-4)
    assert torch.allclose(logits[::frames_per_step, -1], whole.stop[0], atol=1e-4)
    assert torch.allclose(torch.tensor([f.confidence for f in frames[::frames_per_step]]), confidence, atol=1e-4)


@torch.no_grad()
def test_frames_of_a_step_know_those_before_them():
    model = toys.toy_lm(toys.toy_lm_config(frames_per_step=2))
    ids, lengths, _, positions = inputs(frames=4)
    digits = codes_to_digits(toys.random_codes(1, 8).transpose(1, 2).reshape(1, 4, 16), toys.LEVELS)
    changed = digits.clone()
    changed[:, 2, :32] = 0  # the first frame of step 2
    before, after = (model(ids, lengths, d, positions).digits.unflatten(-1, (2, -1)) for d in (digits, changed))
    same = (before - after).abs().amax(-1) == 0  # [1, steps, frames of a step]
    assert same[0].tolist() == [[True, True], [True, True], [True, False], [False, False]]


@torch.no_grad()
@pytest.mark.parametrize("change", ["digits", "positions"])
def test_later_frames_do_not_change_earlier_ones(model, change):
    ids, lengths, digits, positions = inputs()
    before, at = model(ids, lengths, digits, positions), 5
    if change == "digits":  # of frame 5: an input from frame 6 on
        digits = digits.clone()
        digits[:, at:] = 0
    else:  # of frame 5: known to its own codes, and to the reader from frame 6 on
        positions = positions.clone()
        positions[:, at:] = TEXT - 1
    after = model(ids, lengths, digits, positions)
    same = at + 1 if change == "digits" else at
    for name in ("digits", "stop"):
        assert torch.equal(getattr(before, name)[:, :same], getattr(after, name)[:, :same]), name
        assert not torch.allclose(getattr(before, name)[:, same:], getattr(after, name)[:, same:], atol=1e-3), name
    assert torch.equal(before.reader[:, : at + 1], after.reader[:, : at + 1])


@torch.no_grad()
def test_every_frame_sees_all_of_the_text(model):
    ids, lengths, digits, positions = inputs()
    changed = ids.clone()
    changed[0, -1] = (changed[0, -1] + 1) % 40
    before, after = (model(i, lengths, digits, positions).digits for i in (ids, changed))
    assert ((before - after).abs().amax(-1) > 1e-4).all()


@torch.no_grad()
def test_a_batch_gives_what_each_gives_alone_whatever_the_padding_holds(model):
    sizes = (12, 10), (5, 10), (12, 4), (1, 1)
    singles = [inputs(text, frames, seed) for seed, (text, frames) in enumerate(sizes)]
    ids, digits = torch.full((4, 12), 39), torch.full((4, 10, 32), 5)
    positions = torch.zeros(4, 10, dtype=torch.long)
    for row, (i, _, d, p) in enumerate(singles):
        ids[row, : i.shape[1]], digits[row, : d.shape[1]], positions[row, : p.shape[1]] = i[0], d[0], p[0]
    batch = model(ids, torch.tensor([text for text, _ in sizes]), digits, positions)
    for row, single in enumerate(singles):
        frames = single[3].shape[1]
        for name, alone in model(*single)._asdict().items():
            found = getattr(batch, name)[row, :frames]
            assert torch.allclose(found, alone[0], atol=1e-4), f"{name} of {sizes[row]}"


@torch.no_grad()
def test_the_reader_cannot_leave_the_text(model):
    ids, lengths, digits, positions = inputs()
    reader = model(ids, lengths, digits, positions).reader[0]
    previous = torch.cat([torch.zeros(1, dtype=torch.long), positions[0, :-1]])
    inside = previous[:, None] + torch.arange(reader.shape[1]) < TEXT
    assert torch.equal(reader.isfinite(), inside)
    assert inside.any(1).all()


@torch.no_grad()
def test_hidden_frames_are_not_seen(model):
    ids, lengths, digits, positions = inputs()
    keep, changed = torch.ones(1, FRAMES, dtype=torch.bool), digits.clone()
    keep[:, 3], changed[:, 3] = False, 0
    hidden, other = (model(ids, lengths, d, positions, keep).digits for d in (digits, changed))
    assert torch.equal(hidden, other)
    assert not torch.equal(hidden, model(ids, lengths, digits, positions).digits)


def test_a_saved_model_is_the_same(model, tmp_path):
    model.save_pretrained(tmp_path / "lm", torch.float32)
    again = SpeechLM.from_pretrained(tmp_path / "lm")
    assert again.config == model.config and not again.training
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in model.state_dict().items())
    assert sorted(p.name for p in (tmp_path / "lm").iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_broken_folder_gives_one_clear_error(model, tmp_path, name):
    model.save_pretrained(tmp_path)
    whole = (tmp_path / name).read_bytes()
    foreign = whole.replace(b'"dim": 32', b'"dim": 64').replace(b"reader.key", b"reader.kez")
    for content in (b"", b"{}", whole[:50], foreign):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="is not a readable speech LM") as caught:
            SpeechLM.from_pretrained(tmp_path)
        assert "\n" not in str(caught.value)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"is not a speech LM folder: no {name}"):
        SpeechLM.from_pretrained(tmp_path)


def test_weights_that_are_no_numbers_are_neither_read_nor_written(tmp_path):
    toys.toy_lm().save_pretrained(tmp_path / "lm")
    weights = load_file(tmp_path / "lm/model.safetensors")
    weights["stop_head.weight"][0, 3] = torch.nan
    save_file(weights, tmp_path / "lm/model.safetensors")
    with pytest.raises(ValueError, match=r"model.safetensors: stop_head.weight has 1 of \d+ weights NaN or infinite"):
        SpeechLM.from_pretrained(tmp_path / "lm")
    broken = toys.toy_lm()
    broken.begin.data[0] = 1e6  # more than float16 holds
    with pytest.raises(ValueError, match="saved as torch.float16: begin has 1 of"):
        broken.save_pretrained(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_tables_are_set_after_to_empty():
    config = toys.toy_lm_config(frame_tables=4, head_dim=24)
    with torch.device("meta"):
        emptied = SpeechLM(config)
    emptied.to_empty(device="cpu")
    for name, table in SpeechLM(config).named_buffers():
        assert torch.equal(dict(emptied.named_buffers())[name], table), name


def reference(rows: int = 3, frames: tuple[int, ...] = (9, 4, 0)) -> Reference:
    """Voices of a batch; the last has no recording, the first no vector."""
    digits = codes_to_digits(toys.random_codes(rows, max(frames)).transpose(1, 2), toys.LEVELS)
    vectors = torch.nn.functional.normalize(torch.rand(rows, 12, generator=torch.Generator().manual_seed(1)), dim=1)
    return Reference(vectors, torch.arange(rows) > 0, digits, torch.tensor(frames))


@torch.no_grad()
def test_the_prefixes_of_a_batch_are_those_of_each_voice_alone():
    model = toys.toy_lm(toys.toy_lm_config(**MANY_VOICES))
    voices = reference()
    batch = model.prefixes(voices)
    for row, frames in enumerate(voices.frames.tolist()):
        codes = toys.random_codes(3, 9)[row][:, :frames] if frames else None
        alone = model.voice_prefix(codes, voices.speakers[row] if voices.speaker_known[row] else None)
        assert torch.allclose(batch[row], alone, atol=1e-5), row


@torch.no_grad()
def test_hidden_text_is_not_seen_but_its_length():
    model = toys.toy_lm()
    ids, lengths, digits, positions = inputs()
    hidden = torch.tensor([False])
    one, other = (model(i, lengths, digits, positions, text_known=hidden).digits for i in (ids, 39 - ids))
    assert torch.equal(one, other)
    assert not torch.equal(one, model(ids, lengths, digits, positions).digits)


def test_a_voice_prefix_can_be_changed():
    model = toys.toy_lm(toys.toy_lm_config(prefix_queries=2, prefix_heads=2))
    for codes in (None, torch.zeros(8, 5, dtype=torch.long)):
        prefix = model.voice_prefix(codes)
        before = prefix.clone()
        assert not prefix.is_inference() and not prefix.requires_grad
        prefix.add_(1)
        assert torch.equal(model.voice_prefix(codes), before), "the model's own is as it was"


def test_what_has_no_position_is_not_learned():
    model = toys.toy_lm(toys.toy_lm_config(max_text=8, max_frames=9))
    for text, frames in ((9, 9), (8, 10)):
        with pytest.raises(ValueError, match=rf"got {text} places of text and {frames} steps; this model has 8 and 9"):
            model(*inputs(text, frames))
    assert model(*inputs(8, 9)).stop.shape == (1, 9)


def test_blocks_that_are_computed_twice_give_the_same_gradients(model):
    given, gradients = inputs(), []
    for checkpointing in (False, True):
        model.checkpointing = checkpointing
        model.zero_grad()
        model(*given).digits.logsumexp(-1).sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
    model.checkpointing = False
    assert all(torch.equal(kept, anew) for kept, anew in zip(*gradients, strict=True))
