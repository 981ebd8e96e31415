"""Which of several tries is kept."""

import pytest

from speechllm.config import SamplingConfig
from speechllm.request import Check, Frame, Try, settings_of_tries, surest


def one(name: str, confidence: float = 0.5, ended: bool = True, frames: int = 8) -> Try:
    return Try([Frame(name, 0, confidence)] * frames, ended)


def check(**misread: float) -> Check:
    return Check(lambda frames: misread[frames[0].codes], good=1.0)


@pytest.mark.parametrize(
    ("tries", "found"),
    [
        ([one("a", 0.2), one("b", 0.9), one("c", 0.4)], "b"),
        ([one("a", 0.2), one("b", 0.9, ended=False)], "a"),
        ([one("a", 0.2), one("b", 0.9, frames=2)], "a"),
        ([one("a", 0.2, ended=False), one("b", 0.9, ended=False)], "b"),
        ([one("a", 0.5), one("b", 0.5)], "a"),
    ],
)
def test_without_a_check_the_surest_is_kept(tries, found):
    assert surest(tries, 4)[0].codes == found


@pytest.mark.parametrize(
    ("misread", "tries", "found"),
    [
        (dict(a=2.0, b=0.9, c=0.1), [one("a"), one("b"), one("c")], "b"),
        (dict(a=2.0, b=3.0, c=1.5), [one("a"), one("b"), one("c")], "c"),
        (dict(a=0.1, b=3.0), [one("a", ended=False), one("b")], "b"),
        (dict(a=0.9, b=0.1), [one("a", ended=False), one("b", frames=1)], "b"),
    ],
)
def test_with_a_check_the_first_that_is_read_well_or_the_best(misread, tries, found):
    assert surest(tries, 4, check(**misread))[0].codes == found


def test_after_a_good_try_no_other_is_made():
    made = []

    def tries():
        for name in "abc":
            made.append(name)
            yield one(name)

    surest(tries(), 0, check(a=5.0, b=0.5, c=0.1))
    assert made == ["a", "b"]


def test_a_further_try_has_its_own_seed_and_is_freer_where_one_was_wrong():
    first, second = settings_of_tries(SamplingConfig(temperature=0.1, seed=3), 2)
    assert first == SamplingConfig(temperature=0.1, seed=3) and second.temperature == 0.1 and second.seed != 3
    assert [one.temperature for one in settings_of_tries(SamplingConfig(temperature=0.1), 3, again=True)] == [
        0.1,
        0.2,
        0.2,
    ]
    assert [one.temperature for one in settings_of_tries(SamplingConfig(temperature=0.9), 2, again=True)] == [0.9, 0.9]


def test_a_try_of_no_frames_is_kept_where_there_is_no_other():
    assert surest([Try([], ended=True)], 0, Check(lambda frames: 3.0, good=1.0)) == []
