"""Requests of mixed lengths and settings for a small voice, and whether two engines answer them alike."""

import torch

import toys
from speechllm import Frame, Prompt, SamplingConfig, SpeechLM
from speechllm.inference.engine import Engine

LENGTHS = [20, 1, 7, 33, 12, 3, 25, 9, 16, 5, 40, 2, 11, 28, 8, 18, 30, 4, 22, 13]


def talker(**config: object) -> SpeechLM:
    """A voice that goes on at about the pace of speech and stops."""
    model = toys.toy_lm(toys.toy_lm_config(**config))
    with torch.no_grad():
        model.reader.advance.bias += torch.tensor([1.0, 1.5, 0.5, *[-4.0] * 7])
        model.stop_head.bias -= 2.0
    return model


def requests(count: int = 20) -> list[tuple[Prompt, SamplingConfig]]:
    """Mixed lengths, temperatures and seeds; some draw the reader too."""
    random = torch.Generator().manual_seed(5)
    return [
        (
            Prompt(torch.randint(4, 40, (LENGTHS[i],), generator=random)),
            SamplingConfig((0.5, 1.0, 0.0)[i % 3], (0.0, 0.7)[i % 2], seed=i, trailing_frames=3 + i),
        )
        for i in range(count)
    ]


def same(a: list[Frame], b: list[Frame]) -> bool:
    """Codes, positions, and confidences to the last bit."""
    return len(a) == len(b) and all(x[1:] == y[1:] and torch.equal(x.codes, y.codes) for x, y in zip(a, b, strict=True))


def together(engine: Engine, work: list[tuple[Prompt, SamplingConfig]]) -> list[list[Frame]]:
    """All requests through the engine."""
    frames: dict[int, list[Frame]] = {engine.submit(*request): [] for request in work}
    while engine.busy:
        for ticket, frame, _ in engine.step():
            frames[ticket].append(frame)
    return list(frames.values())
