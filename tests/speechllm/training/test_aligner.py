"""The aligner: exact best paths, and learning a known alignment from codes and text alone."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch

import toys
from speechllm.data.shards import Example
from speechllm.training.aligner import Aligner, best_paths
from speechllm.training.collating import collate


def brute_force(scores: torch.Tensor, tokens: int) -> list[int]:
    """The best of all monotonic paths through [R, S], each token visited."""
    steps = len(scores)
    paths = []
    for moves in combinations(range(1, steps), tokens - 1):
        paths.append([sum(step >= move for move in moves) for step in range(steps)])
    return max(paths, key=lambda path: float(scores[range(steps), path].sum()))


def test_the_best_path_is_the_best_of_all_paths():
    sizes = (7, 4), (5, 5), (6, 1), (7, 2)
    scores = torch.randn(len(sizes), 7, 5)
    steps, tokens = torch.tensor(sizes).T
    for row, path in enumerate(best_paths(scores, steps, tokens)):
        r, s = sizes[row]
        assert path.tolist() == brute_force(scores[row, :r, :s], s), sizes[row]


def test_padding_does_not_matter():
    scores = torch.randn(1, 9, 5)
    padded = torch.full((1, 12, 8), 1e3)
    padded[:, :9, :5] = scores
    alone, with_padding = (best_paths(s, torch.tensor([9]), torch.tensor([5]))[0] for s in (scores, padded))
    assert torch.equal(alone, with_padding)


def test_more_tokens_than_steps_is_an_error():
    with pytest.raises(ValueError, match=r"\[5\] tokens for \[4\] steps"):
        best_paths(torch.zeros(1, 4, 5), torch.tensor([4]), torch.tensor([5]))


def recordings(count: int, sounds: torch.Tensor, generator: torch.Generator) -> list[Example]:
    """Utterances of known alignment: every token has codes of its own and lasts 1 to 7 frames: an uneven pace."""
    made = []
    for number in range(count):
        ids = torch.randperm(len(sounds), generator=generator)[: 4 + number % 4]
        durations = torch.randint(1, 8, (len(ids),), generator=generator)
        positions = torch.arange(len(ids)).repeat_interleave(durations)
        made.append(Example(str(number), ids, sounds[ids[positions]], positions))
    return made


def misplaced(aligner: Aligner, examples: list[Example]) -> float:
    """Share of frames that are given a token which neither they nor a frame beside them speak."""
    batch = collate(examples, toys.LEVELS)
    paths = aligner.align(batch.codes, batch.frames, batch.ids, batch.text_lengths)
    wrong = []
    for example, path in zip(examples, paths, strict=True):
        assert len(path) == len(example.codes)
        assert (path.diff() >= 0).all() and path[-1] == len(example.ids) - 1
        ends = example.positions[[0, *range(len(path)), -1]]  # of the frame before, this and the next
        wrong.append((path != ends[:-2]) & (path != ends[1:-1]) & (path != ends[2:]))
    return float(torch.cat(wrong).float().mean())


def test_a_known_alignment_is_found():
    generator = torch.Generator().manual_seed(0)
    sounds = torch.randint(0, 2016, (9, 8), generator=generator)
    heard, fresh = recordings(24, sounds, generator), recordings(12, sounds, generator)
    aligner = Aligner(toys.TOY_SPEC, 9, dim=24)
    optimizer = torch.optim.AdamW(aligner.parameters(), 1e-2)
    batch = collate(heard, toys.LEVELS)
    arguments = batch.codes, batch.frames, batch.ids, batch.text_lengths
    loss, untrained = float(aligner.loss(*arguments).detach()), misplaced(aligner, fresh)
    for _ in range(80):
        optimizer.zero_grad()
        aligner.loss(*arguments).backward()
        optimizer.step()
    assert float(aligner.loss(*arguments).detach()) < loss / 2
    assert misplaced(aligner, fresh) < 0.05
    assert untrained > 0.15  # what the prior of an even pace gives


def test_alone_or_in_a_batch_the_scores_are_the_same():
    generator = torch.Generator().manual_seed(0)
    sounds = torch.randint(0, 2016, (9, 8), generator=generator)
    examples = recordings(4, sounds, generator)
    aligner = Aligner(toys.TOY_SPEC, 9, dim=24)
    together = collate(examples, toys.LEVELS)
    scores = aligner.scores(together.codes, together.frames, together.ids, together.text_lengths, 0.1)
    for row, example in enumerate(examples):
        alone = collate([example], toys.LEVELS)
        wanted = aligner.scores(alone.codes, alone.frames, alone.ids, alone.text_lengths, 0.1)[0]
        # The last frames see the padding of a batch through three convolutions, as they would see silence.
        steps = aligner.steps_per_frame * (len(example.codes) - 4)
        assert torch.allclose(scores[row, :steps, : wanted.shape[1]], wanted[:steps], atol=1e-4)


def test_a_step_lasts_as_long_at_any_frame_rate():
    slow, fast = (Aligner(replace(toys.TOY_SPEC, frame_rate=rate), 9, dim=24) for rate in (22_050 / 1024, 22_050 / 256))
    assert (slow.steps_per_frame, fast.steps_per_frame) == (4, 1)
    assert fast(toys.random_codes(1, 6).transpose(1, 2)).shape == (1, 6, 9)
