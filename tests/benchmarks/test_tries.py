"""Choosing among tries: the surest, the best, and how well the one predicts the other."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from benchmarks.tries import chosen, made, main, measure, predicts, table
from pipelines.shared.errors import UserError
from pipelines.speaking.pieces import Speech
from speechllm.config import SamplingConfig
from speechllm.request import Check
from stand_ins import Deaf, Speaker

ROWS = [
    {"confidence": [0.9, 0.7, 0.8], "errors": [0, 5, 2], "characters": 10},
    {"confidence": [0.5, 0.6, 0.4], "errors": [3, 1, 0], "characters": 10},
    {"confidence": [0.5, 0.5, 0.5], "errors": [2, 2, 2], "characters": 20},
]
MISREAD = [0.5, 0.7, 9.0], [3.0, 0.9, 0.1], [3.0, 3.0, 2.0]


def test_people_take_turns_and_say_all_tries_of_a_sentence():
    asked: list[tuple] = []
    rows = measure([Speaker(asked, "a"), Speaker(asked, "b")], ["One two", "One", "One"], 2, 0.2, Deaf())
    assert [(name, options["seed"]) for name, _, options in asked] == [(n, s) for n in "aba" for s in (0, 1)]
    assert [(row["errors"], row["characters"]) for row in rows] == [([4, 4], 7), ([0, 0], 3), ([0, 0], 3)]


class Reader(Speaker):
    """Reads back what it said."""

    voice = SimpleNamespace(check=lambda ids: Check(lambda frames: 0.7, good=0.5))

    def __init__(self, asked: list[tuple], temperature: float):
        super().__init__(asked, "reader")
        self.sampling = SamplingConfig(temperature=temperature)

    def synthesize(self, text: str, **options) -> Speech:
        return replace(super().synthesize(text, **options), sentences=[SimpleNamespace(ids=[1])])


def test_what_is_spoken_again_where_it_is_read_back_is_freer():
    asked: list[tuple] = []
    rows = measure([Reader(asked, 0.1), Reader(asked, 0.4)], ["One", "One"], 3, 0.2, Deaf())
    assert [options.get("temperature") for _, _, options in asked] == [None, 0.2, 0.2, None, 0.4, 0.4]
    assert [(row["misread"], row["good"]) for row in rows] == [([0.7] * 3, 0.5)] * 2


def test_the_surest_and_the_best_are_taken():
    assert chosen(ROWS, 1, "surest") == [0, 3, 2]
    assert chosen(ROWS, 3, "surest") == [0, 1, 2]
    assert chosen(ROWS, 3, "best") == [0, 0, 2]


def test_what_is_read_back_well_is_taken_and_ends_the_tries():
    read = [row | {"misread": misread, "good": 1.0} for row, misread in zip(ROWS, MISREAD, strict=True)]
    assert chosen(read, 1, "read back") == [0, 3, 2]
    assert chosen(read, 3, "read back") == [0, 1, 2]
    assert made(read, 1) == 1 and made(read, 3) == (1 + 2 + 3) / 3
    assert predicts(read) == pytest.approx(5 / 6)
    assert table(read, 2).splitlines()[-1].endswith("| 1.67 |")


def test_prediction_counts_pairs_that_differ():
    # of the first sentence all three pairs are told apart rightly, of the second one of three
    assert predicts(ROWS) == pytest.approx(4 / 6)
    assert predicts(ROWS[2:]) == 0.5


def test_the_table_has_a_line_for_each_number_of_tries():
    lines = table(ROWS, 3).splitlines()
    assert len(lines) == 5 and lines[-1].startswith("| 3 ")


@pytest.mark.parametrize("again", ["-1", "2.1", "nan"])
def test_a_temperature_that_is_none_is_refused(again):
    with pytest.raises(UserError, match=f"got --again {again}.*; expected a temperature, 0 to 2"):
        main(["--again", again])
