"""Generation: an iterator of frames that reads all of the text, once, in order, and comes to an end."""

from itertools import islice

import pytest
import torch

import toys
from speechllm import Prompt, SamplingConfig, SpeechLM, generate
from speechllm.inference.engine import Engine

IDS = torch.randint(4, 40, (20,), generator=torch.Generator().manual_seed(1))
WINDOW = toys.toy_lm_config().reader_window


def pace(advance: dict[int, float], stop: float = -100.0, **config: object) -> SpeechLM:
    """A model whose reader moves as told, {steps: score}, and whose voice wants to stop by `stop`."""
    model = toys.toy_lm(toys.toy_lm_config(**config))
    with torch.no_grad():
        model.reader.advance.bias.fill_(-1e3)
        for steps, score in advance.items():
            model.reader.advance.bias[steps] = score
        model.stop_head.bias.fill_(stop)
    return model


def positions(model: SpeechLM, ids: torch.Tensor = IDS, **sampling: object) -> list[int]:
    return [frame.position for frame in generate(model, Prompt(ids), SamplingConfig(**sampling))]


@pytest.fixture(scope="module")
def model():
    return pace({0: 1.0, 1: 1.0, 2: 0.0}, stop=0.0)


def codes(model: SpeechLM, ids: torch.Tensor = IDS, **sampling: object) -> torch.Tensor:
    return torch.stack([frame.codes for frame in generate(model, Prompt(ids), SamplingConfig(**sampling))])


def test_frames_come_one_at_a_time_and_are_codes(model, monkeypatch):
    steps = []
    step = Engine.step
    monkeypatch.setattr(Engine, "step", lambda self: steps.append(1) or step(self))
    for number, frame in enumerate(islice(generate(model, Prompt(IDS), SamplingConfig()), 3), 1):
        assert len(steps) == number
        assert frame.codes.shape == (8,) and frame.codes.dtype == torch.int64
        assert (frame.codes >= 0).all() and (frame.codes < 2016).all()
        assert 0 <= frame.confidence <= 1


def test_the_same_seed_gives_the_same_codes(model):
    first = codes(model, temperature=1.0, seed=3)
    torch.manual_seed(77)
    assert torch.equal(codes(model, temperature=1.0, seed=3), first)
    other = codes(model, temperature=1.0, seed=4)
    assert other.shape != first.shape or not torch.equal(other, first)


def test_temperature_zero_needs_no_seed(model):
    assert torch.equal(codes(model, temperature=0.0, seed=1), codes(model, temperature=0.0, seed=2))


def test_requests_side_by_side_do_not_disturb_each_other(model):
    requests = [(IDS, 3), (IDS[:7], 4), (IDS, 5)]
    alone = [codes(model, ids, temperature=1.0, seed=seed) for ids, seed in requests]
    running = [generate(model, Prompt(ids), SamplingConfig(temperature=1.0, seed=seed)) for ids, seed in requests]
    together = [[] for _ in requests]
    for _ in range(max(map(len, alone))):
        for frames, request in zip(together, running, strict=True):
            frames += [frame.codes for frame in islice(request, 1)]
    assert all(torch.equal(torch.stack(frames), wanted) for frames, wanted in zip(together, alone, strict=True))


@pytest.mark.parametrize("reader_temperature", [0.0, 1.0])
@pytest.mark.parametrize("length", [1, 2, 5, 20, 96])
def test_the_reader_goes_through_the_text_and_arrives(length, reader_temperature):
    model = pace({0: 1.0, 1: 1.0, 2: 0.5, 5: 0.0}, stop=100.0)
    ids = torch.randint(4, 40, (length,))
    path = positions(model, ids, reader_temperature=reader_temperature)
    moves = [b - a for a, b in zip([0, *path], path, strict=False)]
    assert all(0 <= move < WINDOW for move in moves)
    assert path[-1] == length - 1


def test_the_stop_head_is_believed_at_the_end_of_the_text_only():
    path = positions(pace({1: 0.0}, stop=100.0))
    assert path == [*range(1, len(IDS))]
    assert len(positions(pace({1: 0.0}, stop=100.0), IDS[:1])) == SamplingConfig().min_frames


def test_a_voice_that_never_stops_is_stopped():
    path = positions(pace({1: 0.0}), trailing_frames=5)
    assert path[-1] == len(IDS) - 1
    assert path.count(len(IDS) - 1) == 1 + 5


def test_a_reader_that_stands_still_is_pushed_on():
    path = positions(pace({0: 0.0}), IDS[:4], max_frames_per_token=3, trailing_frames=2)
    assert path == [0] * 3 + [1] * 4 + [2] * 4 + [3] * 3


@pytest.mark.parametrize("length", [1, 20, 96])
def test_the_slowest_reader_still_reads_all_within_bounds(length):
    """Where standing as long as allowed at every token would be more frames than there are."""
    ids = torch.randint(4, 40, (length,))
    path = positions(pace({0: 0.0}, max_frames=160), ids)
    assert path[-1] == length - 1
    assert len(path) <= min(160, 64 + 12 * length)
    assert all(b - a in (0, 1) for a, b in zip(path, path[1:], strict=False))


def test_a_confident_reader_says_so():
    assert all(f.confidence > 0.99 for f in generate(pace({1: 1e3}, stop=100.0), Prompt(IDS), SamplingConfig()))


@pytest.mark.parametrize("length", [0, 97])
def test_text_the_model_cannot_hold_is_refused(model, length):
    with pytest.raises(ValueError, match=rf"got {length} tokens.*1..96"):
        next(generate(model, Prompt(torch.zeros(length, dtype=torch.long)), SamplingConfig()))
