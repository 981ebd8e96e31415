"""Ranges of numbers, and flags that nothing would read: what is said of them."""

import argparse
from typing import Annotated, Any

import pytest

pytest.importorskip("annotated_types", reason="comes with lfsc-tts[torch]")
from annotated_types import Ge, Gt, Interval, IsFinite, Le, Lt

from pipelines.shared.errors import UserError
from pipelines.shared.flags import check_ranges, given
from pipelines.shared.ranges import missed

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("hint", "inside", "outside", "words"),
    [
        (Annotated[float, Gt(0)], [1e-7, 3], [0, -1.0], "more than 0"),
        (Annotated[int, Ge(1)], [1, 10**400], [0, -(10**400)], "1 or more"),
        (Annotated[float, Lt(2)], [1.9, -5], [2, 3], "less than 2"),
        (Annotated[float, Le(2)], [2, -5], [2.1], "at most 2"),
        (Annotated[float, Interval(ge=0, le=1)], [0, 0.5, 1], [-0.1, 1.1], "0 to 1"),
        (Annotated[float, Interval(gt=0, le=1)], [0.1, 1], [0, 1.1], "more than 0 and at most 1"),
        (Annotated[float, Gt(0), Lt(1)], [0.5], [0, 1], "more than 0 and less than 1"),
        (IsFinite[float], [-3.5, 0], [], "a finite number"),
        (Annotated[float, Gt(0)] | None, [None, 1], [0], "more than 0"),
    ],
)
def test_a_range_is_what_its_type_says(hint, inside, outside, words):
    assert [missed(hint, value) for value in inside] == [""] * len(inside)
    out = [*outside, NAN, INFINITE, -INFINITE]
    assert [missed(hint, value) for value in out] == [words] * len(out)


def test_each_item_of_a_tuple_has_its_own_range():
    share, positive = Annotated[float, Interval(ge=0, le=1)], Annotated[int, Gt(0)]
    assert missed(tuple[share, positive], (1, 2)) == missed(tuple[positive, ...], ()) == ""
    assert missed(tuple[share, positive], (2, 2)) == "0 to 1, each"
    assert missed(tuple[share, positive], (1, 0)) == "more than 0, each"
    assert missed(tuple[positive, ...], (3, 2, 0)) == "more than 0, each"


@pytest.mark.parametrize("hint", [int, float, str, int | None, tuple[float, ...], dict[str, Any]])
def test_a_type_that_states_no_range_has_none(hint):
    assert missed(hint, (NAN,) if "tuple" in str(hint) else NAN) == ""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    made.add_argument("files", nargs="*")
    made.add_argument("--format", default="wav")
    made.add_argument("--two-words", type=int, default=0)
    made.add_argument("--fast", action="store_true")
    made.add_argument("--seed", nargs="?", const=0, type=int)
    made.add_argument("--more", action="append", default=[])
    return made


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        ([], ""),
        (["a", "b"], ""),
        (["--format", "wav"], "--format"),
        (["--two-words=0", "--fast"], "--two-words, --fast"),
        (["--seed", "--more", "x"], "--seed, --more"),
    ],
)
def test_a_flag_is_given_where_it_stands_whatever_it_says(argv, found):
    assert given(parser(), argv, ["format", "two_words", "fast", "seed", "more"]) == found
    assert given(parser(), argv, []) == ""


def test_a_flag_out_of_range_is_named_as_it_is_written():
    args = parser().parse_args(["--two-words", "-3"])
    check_ranges(args, {"two_words": Annotated[int, Ge(-3)]})
    with pytest.raises(UserError, match=r"^got --two-words -3; expected 0 or more$"):
        check_ranges(args, {"two_words": Annotated[int, Ge(0)]})
