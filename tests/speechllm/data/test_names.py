"""Names in one string are the names, and those that are there twice are found."""

import tracemalloc

import pytest

from speechllm.data.names import Names, first_of_two

SOME = ["a", "", "ü 2", "a/b", "語", "\ud800", "a"]


def test_names_are_a_sequence():
    names = Names(SOME)
    assert list(names) == SOME == [names[number] for number in range(len(SOME))] and len(names) == len(SOME)
    assert names == SOME and names == Names(SOME) and names != SOME[:-1] and names != "a"
    assert names[-1] == "a" and names[1:4] == SOME[1:4] and "語" in names and "b" not in names
    assert list(Names([])) == []
    with pytest.raises(IndexError):
        names[len(SOME)]


def test_they_take_less_than_strings():
    tracemalloc.start()
    names = Names(f"speaker-{number:09d}" for number in range(10_000))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 10_000 * (17 + 4) + 10_000 and names[9_999] == "speaker-000009999"


def test_the_first_name_that_is_there_twice():
    assert first_of_two([Names(["a", "b"]), Names([]), Names(["c"])]) is None
    assert first_of_two([Names(["a", "b"]), Names([]), Names(["c", "b", "a"])]) == (0, 2, "b")
    assert first_of_two([Names(["a", "b", "a"])]) == (0, 0, "a")
    assert first_of_two([]) is None


def test_names_that_only_look_alike_are_different(monkeypatch):
    monkeypatch.setattr("speechllm.data.names.hash", lambda name: 7, raising=False)
    assert first_of_two([Names(["a", "b"]), Names(["c"])]) is None
    assert first_of_two([Names(["a", "b"]), Names(["c", "a"])]) == (0, 1, "a")
