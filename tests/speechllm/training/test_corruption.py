"""What is hidden and what is moved: by seed, utterance and pass, in the shares asked for, each by itself."""

import pytest
import torch

import toys
from speechllm.training.corruption import Corruption

LEVELS = torch.tensor(toys.LEVELS * 8)
DIGITS = torch.randint(0, 6, (40, 32), generator=torch.Generator().manual_seed(0))


def test_digits_move_by_one_level_at_most_and_frames_are_hidden_by_their_share():
    seen = Corruption(0.5, 0.5, 0, 0, 0).of(DIGITS, LEVELS, 0, "a", 0)
    moved = (seen.digits - DIGITS).abs()
    assert moved.max() == 1 and 0.3 < moved.float().mean() < 0.6
    assert (seen.digits >= 0).all() and (seen.digits < LEVELS).all()
    assert 0.2 < seen.keep.float().mean() < 0.8
    assert seen.text and seen.speaker and seen.prompt


def test_nothing_is_drawn_twice_alike_but_for_the_same_seed_utterance_and_pass():
    corruption = Corruption(0.5, 0.5, 0, 0, 0)
    draws = {key: corruption.of(DIGITS, LEVELS, *key) for key in [(0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1)]}
    again = corruption.of(DIGITS, LEVELS, 0, "a", 0)
    for key, one in draws.items():
        assert torch.equal(one.digits, again.digits) == torch.equal(one.keep, again.keep) == (key == (0, "a", 0))


def test_text_speaker_and_recording_are_hidden_independently():
    corruption = Corruption(0, 0, 0.1, 0.2, 0.3)
    seen = [corruption.of(DIGITS[:1], LEVELS, 0, str(number), 0) for number in range(1000)]
    text, speaker, prompt = (
        torch.tensor([getattr(one, name) for one in seen]) for name in ("text", "speaker", "prompt")
    )
    for known, share in ((text, 0.9), (speaker, 0.8), (prompt, 0.7), (speaker | prompt, 0.94), (text | speaker, 0.98)):
        assert known.float().mean() == pytest.approx(share, abs=0.04)


def test_hiding_is_the_same_whether_or_not_digits_are_moved():
    with_noise, without = (Corruption(0.5, noise, 0.5, 0, 0).of(DIGITS, LEVELS, 0, "a", 0) for noise in (0.5, 0.0))
    assert torch.equal(with_noise.keep, without.keep) and with_noise.text == without.text
    assert torch.equal(without.digits, DIGITS)
