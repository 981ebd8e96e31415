"""What surrounds the step on a GPU, seen without one: where graphs are captured, for which lengths, and how often."""

from contextlib import contextmanager, nullcontext
from itertools import pairwise

import pytest
import torch

from engine_toys import requests, same, talker, together
from speechllm import generate
from speechllm.inference.cuda_graph import CapturedSteps, length_buckets
from speechllm.inference.engine import Engine
from speechllm.inference.generate import Engines, best_of
from speechllm.inference.step import Stepper


@pytest.fixture(scope="module")
def model():
    return talker()


@pytest.mark.parametrize("total", [64, 128, 192, 4096, 4160])
def test_buckets_of_the_cache_double_up_to_the_whole(total):
    found = length_buckets(total)
    assert found[-1] == total and found == sorted(set(found)) and len(found) <= 8
    assert all(b <= 2 * a for a, b in pairwise(found))
    assert found[0] == 64


class FakeGraphs:
    """torch.cuda as far as capturing takes: what is captured is a call of its stepper, and devices are noted."""

    def __init__(self, monkeypatch):
        self.current, self.captured, self.replayed = "cuda:0", [], []
        fakes = self

        class Device:
            def __init__(self, device):
                self.device = str(device)

            def __enter__(self):
                self.before, fakes.current = fakes.current, self.device

            def __exit__(self, *_):
                fakes.current = self.before

        class Graph:
            def __init__(self):
                self.stepper = None

            def pool(self):
                return (0, 1)

            def replay(self):
                fakes.replayed.append((fakes.current, self.bucket))
                self.stepper()

        @contextmanager
        def capture(graph, pool=None, stream=None):
            fakes.captured.append((fakes.current, stream.device, graph))
            yield

        class Stream:
            def __init__(self):
                self.device = fakes.current

            def wait_stream(self, other):
                assert other.device == fakes.current

        monkeypatch.setattr(torch.cuda, "device", Device)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
        monkeypatch.setattr(torch.cuda, "graph", capture)
        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "current_stream", Stream)
        monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())


def test_graphs_are_captured_and_replayed_on_the_models_device_one_for_each_length(model, monkeypatch):
    """On a machine without a GPU a graph is the step itself, so that what buckets do to frames can be seen."""
    engine, fakes, work = Engine(model, 3), FakeGraphs(monkeypatch), requests(7)
    most = engine.rows.mask.shape[3]
    with torch.inference_mode():
        engine.clear(most)
    buckets = length_buckets(most)
    graphs = CapturedSteps(
        torch.device("cuda:1"), lambda bucket: Stepper(engine.lm, engine.rows.view(3, bucket)), buckets
    )
    for bucket, (stepper, graph) in graphs.graphs.items():
        graph.stepper, graph.bucket = stepper, bucket
    with torch.inference_mode():
        engine.rows.slot.zero_()
    assert [(here, on) for here, on, _ in fakes.captured] == [("cuda:1", "cuda:1")] * len(buckets)
    engine.graphs = graphs
    found, wanted = together(engine, work), together(Engine(model, 3), work)
    assert all(
        [f.codes.tolist() for f in a] == [f.codes.tolist() for f in b] for a, b in zip(found, wanted, strict=True)
    )
    assert {here for here, _ in fakes.replayed} == {"cuda:1"} and fakes.current == "cuda:0"
    used = {bucket for _, bucket in fakes.replayed}
    assert min(used) == 64 and max(used) < most, "a short request does not read the whole cache"


def test_engines_are_made_once_and_again_only_for_other_weights(monkeypatch):
    model, made = talker(), []
    init = Engine.__init__
    monkeypatch.setattr(Engine, "__init__", lambda self, *a, **k: made.append(1) or init(self, *a, **k))
    engines, work = Engines(model), requests(6)
    wanted = [list(generate(model, *request)) for request in work]
    made.clear()
    assert all(same(list(engines.generate(*request)), frames) for request, frames in zip(work, wanted, strict=True))
    assert len(made) == 1
    for prompt, sampling in work[:2]:
        assert same(engines.best_of(prompt, sampling, 3), best_of(model, prompt, sampling, tries=3))
    made.clear()
    broken_off = engines.generate(*work[0])
    next(broken_off)
    assert same(list(engines.generate(*work[1])), wanted[1]), "two at once"
    assert len(made) == 1
    broken_off.close()
    assert same(list(engines.generate(*work[2])), wanted[2]) and len(made) == 1
    with torch.no_grad():
        model.frame_head.weight.mul_(-1)
    assert same(list(engines.generate(*work[3])), list(generate(model, *work[3])))


@pytest.mark.gpu
def test_a_captured_step_gives_what_the_step_gives():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    model = talker().cuda()
    work = requests(12)
    captured, eager = (together(Engine(model, 4, "bfloat16", captured=c), work) for c in (True, False))
    assert [[f.position for f in a] for a in captured] == [[f.position for f in b] for b in eager]
