"""Which tries of a sentence are a pair, and how pairs are kept."""

import pytest

from pipelines.preferences.pairs import Pair, by_sentence, pair_of, read_pairs, write_pairs
from pipelines.preferences.tries import Try


def tries(*heard: tuple[float, int]) -> list[Try]:
    """Tries of one sentence with their error rates and frames."""
    return [Try(f"000000-{i}", "Hi.", "a", frames, rate) for i, (rate, frames) in enumerate(heard)]


@pytest.mark.parametrize(
    ("heard", "names"),
    [
        ([(0.0, 50), (0.2, 50), (0.1, 50)], ("000000-0", "000000-1")),
        ([(0.3, 50), (0.04, 52), (0.04, 60), (0.2, 48)], ("000000-1", "000000-0")),  # the more usual length
        ([(0.0, 50), (0.0, 90), (0.04, 51)], ("000000-0", "000000-1")),  # a runaway, however it is heard
        ([(0.2, 50), (0.0, 90), (0.0, 51)], ("000000-2", "000000-1")),  # and it is worse than a wrong word
        ([(0.0, 50), (0.04, 50)], None),  # too alike
        ([(0.1, 50), (0.9, 50)], None),  # none is right
    ],
)
def test_which_tries_are_a_pair(heard, names):
    pair = pair_of(tries(*heard), most=0.05, margin=0.05)
    assert (pair and (pair.chosen, pair.rejected)) == names


def test_tries_are_put_together_by_sentence():
    made = [Try(f"{n:06d}-{i}", "Hi.", "", 9, 0.0) for n in (0, 1, 11) for i in range(2)]
    assert [[one.name for one in group] for group in by_sentence(made)] == [
        [f"{n:06d}-{i}" for i in range(2)] for n in (0, 1, 11)
    ]


def test_pairs_are_written_as_they_are_read(tmp_path):
    pairs = [Pair("Naïve?", "a", "0-0", "0-1", 0.0, 0.5, 10, 12)]
    write_pairs(tmp_path / "pairs.jsonl", pairs)
    assert read_pairs(tmp_path / "pairs.jsonl") == pairs
