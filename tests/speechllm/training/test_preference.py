"""Preference tuning: the loss is what the papers say, and a chosen try becomes likelier than a rejected one."""

import copy
import math

import pytest
import torch

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
import toys
from speechllm import SpeechLM
from speechllm.data.shards import Example
from speechllm.data.speakers import Drawn
from speechllm.training.collating import Batch, collate, collate_voices
from speechllm.training.preference import LitPreference, PreferenceOptim, log_likelihoods, preference_loss

MANY = dict(speaker_dim=6, prefix_queries=2, prefix_heads=2)


def batch_of(pairs: int = 3) -> Batch:
    """Pairs of tries of a text, of other lengths and paces, in a voice."""
    texts = [torch.randint(4, 30, (5 + i,), generator=torch.Generator().manual_seed(i)) for i in range(pairs)]
    made, voices = [], []
    for worse in range(2):
        for i, ids in enumerate(texts):
            frames = (2 + worse) * len(ids)
            codes = toys.random_codes(1, frames, 10 * worse + i)[0].T
            made.append(Example(f"{i}-{worse}", ids, codes, torch.arange(frames) // (2 + worse)))
            voices.append(Drawn(torch.eye(6)[i], toys.random_codes(1, 4, 100 + i)[0].T))
    return collate(made, toys.LEVELS)._replace(reference=collate_voices(voices, toys.LEVELS, 8, 6))


def lit(**optim: float) -> LitPreference:
    """A toy that learns, and has learned nothing yet."""
    model = toys.toy_lm(toys.toy_lm_config(**MANY))
    return LitPreference(model, PreferenceOptim(**optim), copy.deepcopy(model))


def by_hand(model: SpeechLM, batch: Batch, row: int) -> float:
    """Log-likelihood of one try: digit by digit, frame by frame."""
    given = batch.ids, batch.text_lengths, batch.digits, batch.positions
    output = model(*given, reference=batch.reference)
    total, count, position = 0.0, int(batch.frames[row]), 0
    for t in range(count):
        begin = 0
        for number, level in enumerate(toys.LEVELS * toys.TOY_SPEC.num_codebooks):
            logits = output.digits[row, t, begin : begin + level]
            total += float(logits.log_softmax(0)[batch.digits[row, t, number]])
            begin += level
        stops = float(output.stop[row, t].sigmoid())
        total += math.log(stops if t == count - 1 else 1 - stops)
        total += float(output.reader[row, t].log_softmax(0)[int(batch.positions[row, t]) - position])
        position = int(batch.positions[row, t])
    return total


@torch.no_grad()
def test_likelihood_is_that_of_digits_stop_and_reader():
    model, batch = toys.toy_lm(toys.toy_lm_config(**MANY)), batch_of()
    output = model(batch.ids, batch.text_lengths, batch.digits, batch.positions, reference=batch.reference)
    found = log_likelihoods(output, batch, toys.LEVELS, model.config.reader_window)
    wanted = [by_hand(model, batch, row) for row in range(len(found))]
    torch.testing.assert_close(found, torch.tensor(wanted), rtol=1e-5, atol=1e-2)


@torch.no_grad()
def test_what_the_reader_was_pushed_over_does_not_count():
    model, batch = toys.toy_lm(), batch_of(1)
    output = model(batch.ids, batch.text_lengths, batch.digits, batch.positions)
    near, far = (log_likelihoods(output, batch, toys.LEVELS, window) for window in (10, 1))
    moves = torch.cat([torch.zeros(2, 1).long(), batch.positions.diff(dim=1)], dim=1)
    scores = output.reader.log_softmax(-1).gather(2, moves.clamp(0, 9)[..., None])[..., 0]
    real = torch.arange(moves.shape[1]) < batch.frames[:, None]
    torch.testing.assert_close(near - far, (scores * (real & (moves > 0))).sum(1), rtol=1e-4, atol=1e-2)


def test_the_loss_is_that_of_the_paper():
    chosen, rejected = torch.tensor([3.0, -1.0]), torch.tensor([1.0, 4.0])
    wanted = -(math.log(1 / (1 + math.exp(-0.5 * 2))) + math.log(1 / (1 + math.exp(0.5 * 5)))) / 2
    assert float(preference_loss(chosen, rejected, 0.5)) == pytest.approx(wanted)


@torch.no_grad()
def test_who_has_learned_nothing_prefers_nothing():
    found = lit().judged(batch_of())
    assert float(found["preference"]) == pytest.approx(math.log(2))
    assert [float(found[name]) for name in ("margin", "chosen", "rejected", "accuracy")] == [0, 0, 0, 0]


@torch.no_grad()
def test_terms_are_those_of_the_pairs():
    learner, batch = lit(beta=0.3, chosen_weight=0.7), batch_of()
    learner.model.frame_head.bias += 0.1 * torch.randn(learner.model.frame_head.bias.shape)
    before, after = ([by_hand(m, batch, row) for row in range(6)] for m in (learner.teachers[0], learner.model))
    gains = torch.tensor(after) - torch.tensor(before)
    found = learner.learned(batch)
    margins = gains[:3] - gains[3:]
    assert float(found["margin"]) == pytest.approx(float(margins.mean()), abs=1e-2)
    assert float(found["chosen"]) == pytest.approx(float(gains[:3].mean()), abs=1e-2)
    assert float(found["accuracy"]) == pytest.approx(float((margins > 0).float().mean()))
    wanted = float(-torch.nn.functional.logsigmoid(0.3 * margins).mean())
    assert float(found["preference"]) == pytest.approx(wanted, abs=1e-2)
    assert float(found["loss"]) == pytest.approx(float(found["preference"] + 0.7 * found["chosen_loss"]), abs=1e-4)


@torch.no_grad()
def test_the_usual_loss_is_of_chosen_tries_alone():
    learner, batch = lit(), batch_of()
    twice = torch.tensor([0, 1, 2, 0, 1, 2])
    chosen = Batch(*(x[twice] if torch.is_tensor(x) else x for x in batch))._replace(
        reference=type(batch.reference)(*(x[twice] for x in batch.reference))
    )
    wanted = learner.losses(learner.heard(chosen), chosen)["loss"]
    assert float(learner.learned(batch)["chosen_loss"]) == pytest.approx(float(wanted), rel=1e-4)


def test_learning_raises_the_chosen_over_the_rejected_and_leaves_the_reference():
    learner, batch = lit(beta=0.1, learning_rate=1e-3), batch_of()
    before = copy.deepcopy(learner.teachers[0].state_dict())
    optimizer = learner.configure_optimizers()
    for _ in range(8):
        optimizer.zero_grad()
        learner.learned(batch)["loss"].backward()
        optimizer.step()
    with torch.no_grad():
        found = learner.judged(batch)
    assert float(found["accuracy"]) == 1 and float(found["margin"]) > 5 and float(found["chosen"]) > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in learner.teachers[0].state_dict().items())
