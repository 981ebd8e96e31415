"""A batch does not change the answer: alone, among others, after evictions and streamed, the frames are the same."""

import pytest
import torch

import toys
from engine_toys import requests, same, talker, together
from speechllm import Frame, Prompt, SamplingConfig, generate
from speechllm.inference.engine import Engine
from speechllm.inference.generate import best_of
from speechllm.inference.step import Stepper
from speechllm.request import frame_limit


@pytest.fixture(scope="module")
def model():
    return talker()


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("slots", [3, 16])
def test_a_batch_does_not_change_the_answer(model, precision, slots):
    work = requests(20 if slots == 16 else 7)
    alone = [list(generate(model, *request, precision)) for request in work]
    assert len({len(frames) for frames in alone}) > 3
    assert all(same(a, b) for a, b in zip(together(Engine(model, slots, precision), work), alone, strict=True))


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_nor_with_several_frames_a_step(precision):
    model = talker(frames_per_step=3)
    work = requests(7)
    alone = [list(generate(model, *request, precision)) for request in work]
    assert all(len(frames) % 3 == 0 and frames[0].position == frames[2].position for frames in alone)
    assert len({len(frames) for frames in alone}) > 3
    assert all(same(a, b) for a, b in zip(together(Engine(model, 3, precision), work), alone, strict=True))


@pytest.mark.parametrize("threads", [1, 2])
def test_nor_at_the_size_that_ships(threads):
    """The kernels that real widths meet, and more threads, which could share out the sums."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        model = talker(dim=256, num_layers=2, num_heads=4, mlp_dim=704)
        work = requests(16)[:: 3 if threads == 2 else 1]
        alone = [list(generate(model, *request)) for request in work[::5]]
        assert all(same(a, b) for a, b in zip(together(Engine(model, 16), work)[::5], alone, strict=True))
    finally:
        torch.set_num_threads(before)


def test_evictions_do_not_change_the_answer(model):
    work = requests(12)
    alone = [list(generate(model, *request)) for request in work]
    engine = Engine(model, 4)
    tickets = [engine.submit(*request) for request in work]
    frames: dict[int, list[Frame]] = {ticket: [] for ticket in tickets}
    cancelled = {tickets[0], tickets[2], tickets[6], tickets[11]}
    for count in range(10_000):
        if not engine.busy:
            break
        for ticket, frame, _ in engine.step():
            frames[ticket].append(frame)
        if count == 3:
            for ticket in cancelled:
                engine.cancel(ticket)
    for ticket, wanted in zip(tickets, alone, strict=True):
        assert same(frames[ticket], wanted[: len(frames[ticket])])
        assert ticket in cancelled or len(frames[ticket]) == len(wanted)


def test_requests_that_arrive_later_do_not_change_the_answer(model):
    first, *later = requests(6)
    wanted = list(generate(model, *first))
    engine, got = Engine(model, 8), []
    ticket = engine.submit(*first)
    while engine.busy:
        got += [made.frame for made in engine.step() if made.ticket == ticket]
        if later:
            engine.submit(*later.pop())
    assert same(got, wanted)


def test_what_was_in_memory_before_does_not_matter(model):
    engine, work = Engine(model, 3), requests(5)
    with torch.inference_mode():
        engine.rows.keys.fill_(torch.nan)
        engine.rows.values.fill_(torch.nan)
    assert all(same(a, b) for a, b in zip(together(engine, work), together(Engine(model, 3), work), strict=True))


def test_an_engine_can_be_used_again(model):
    engine, work = Engine(model, 3), requests(5)
    assert all(same(a, b) for a, b in zip(together(engine, work), together(engine, work), strict=True))


def test_streamed_is_the_same_as_collected(model):
    prompt, sampling = requests(1)[0]
    stream = generate(model, prompt, sampling)
    streamed = [next(stream) for _ in range(5)]
    list(generate(model, *requests(2)[1]))  # something else in between
    assert same([*streamed, *stream], list(generate(model, prompt, sampling)))


def test_the_step_of_fixed_shapes_gives_the_same(model):
    """What a GPU captures, run here uncaptured: all rows and the whole cache in every step, idle rows too."""

    class Fixed(Engine):
        def advance(self):
            self.clear(self.rows.mask.shape[3])
            Stepper(self.lm, self.rows)()

    work = requests(7)
    found = together(Fixed(model, 5), work)
    for a, (prompt, sampling) in zip(found, work, strict=True):
        b = list(generate(model, prompt, sampling))
        assert [(f.codes.tolist(), f.position) for f in a] == [(f.codes.tolist(), f.position) for f in b]


@pytest.mark.parametrize("read_every", [3, 8, 50])
@pytest.mark.parametrize("frames_per_step", [1, 2])
def test_the_host_may_look_rarely(read_every, frames_per_step):
    model = talker(frames_per_step=frames_per_step)
    work = requests(9)
    wanted = together(Engine(model, 4), work)
    assert all(same(a, b) for a, b in zip(together(Engine(model, 4, read_every=read_every), work), wanted, strict=True))


def test_the_host_looks_once_in_so_many_steps(model, monkeypatch):
    looks, steps = [], []
    engine = Engine(model, 4, read_every=8)
    monkeypatch.setattr(engine, "collect", lambda collect=engine.collect: looks.append(1) or collect())
    monkeypatch.setattr(engine, "advance", lambda advance=engine.advance: steps.append(1) or advance())
    together(engine, requests(9))
    assert len(steps) == 8 * len(looks) > 0


def test_frames_can_be_changed(model):
    frames = [*generate(model, *requests(1)[0]), *best_of(model, *requests(1)[0], tries=2)]
    assert not any(frame.codes.is_inference() for frame in frames)
    frames[0].codes.add_(1)


def test_engines_refuse_what_they_cannot_do(model):
    with pytest.raises(ValueError, match=r"captured=True on cpu"):
        Engine(model, 1, captured=True)
    with pytest.raises(ValueError, match=r"float16.*float32, bfloat16, int8"):
        Engine(model, 1, "float16")
    engine = Engine(model, 1, longest=(10, 40))
    with pytest.raises(ValueError, match=r"got 11 tokens.*1\.\.10"):
        engine.submit(Prompt(torch.zeros(11, dtype=torch.long)), SamplingConfig())


@pytest.mark.parametrize("ids", [[3, 40], [-1, 3]])
def test_ids_of_another_tokenizer_are_refused(model, ids):
    with pytest.raises(ValueError, match=rf"got ids in {min(ids)}..{max(ids)}; this model knows 0..39"):
        Engine(model, 1).submit(Prompt(torch.tensor(ids)), SamplingConfig())


def test_more_frames_than_there_are_positions_are_refused():
    model, ids = toys.toy_lm(toys.toy_lm_config(max_frames=96)), torch.arange(5)
    for ask in (lambda s: list(generate(model, Prompt(ids), s)), lambda s: best_of(model, Prompt(ids), s, tries=2)):
        with pytest.raises(ValueError, match="got max_frames=400; this model writes at most 96"):
            ask(SamplingConfig(max_frames=400))
    with pytest.raises(ValueError, match=r"got max_frames=96; this engine holds \d\d after such a text"):
        Engine(model, 1, longest=(5, 20)).submit(Prompt(ids), SamplingConfig(max_frames=96))
    frames = list(generate(model, Prompt(ids), SamplingConfig(max_frames=96, min_frames=96, trailing_frames=96)))
    assert len(frames) == 96, "all that it was asked for"
    assert Engine(model, 1, longest=(5, 10_000)).rows.mask.shape[3] == 128, "no positions that the model does not have"


def test_half_precision_speaks_too(model):
    found = together(Engine(model, 4, "bfloat16"), requests(5))
    assert [frames[-1].position for frames in found] == [len(prompt.ids) - 1 for prompt, _ in requests(5)]


def test_a_faster_codec_may_make_more_frames_of_a_text():
    slow, fast = (
        toys.toy_lm_config(max_frames=4096),
        toys.toy_lm_config(codes=toys.CodeSpec(4 * toys.TOY_SPEC.frame_rate, 8, (8, 5, 5, 5)), max_frames=4096),
    )
    assert frame_limit(slow, 10) == 184
    assert frame_limit(fast, 10) == 4 * 184
