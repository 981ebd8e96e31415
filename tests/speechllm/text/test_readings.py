"""What is written and what is said: our own table, and NeMo's test cases with the differences that we want."""

import re
import unicodedata
from pathlib import Path

import pytest

from speechllm.text.normalizer import Normalizer

HERE = Path(__file__).parent
# Written differently, said alike.
ALIKE = {"eighty's": "eighties", "misses norris": "missus norris"}
SEMIOTIC_CLASSES = (
    "cardinal ordinal decimal fraction date time money measure electronic phone serial roman numeral abbreviation "
    "address math range percent decade timestamp punctuation capitals accents letter identifier"
)


def rows(name: str) -> list[list[str]]:
    lines = (HERE / name).read_text("utf-8").rstrip("\n").split("\n")
    return [line.split("\t") for line in lines if not line.startswith("# ")]


READINGS = rows("readings.tsv")
NEMO = rows("nemo_readings.tsv")
DIFFERENCES = {written: (spoken, reason) for written, spoken, reason in rows("nemo_differences.tsv")}


def heard(spoken: str) -> str:
    """The letters of a text, which are what its words are made of, without case, accents and punctuation."""
    spoken = spoken.lower()
    for written, same in ALIKE.items():
        spoken = spoken.replace(written, same)
    return re.sub(r"[^a-z]", "", unicodedata.normalize("NFD", spoken))


@pytest.fixture(scope="module")
def normalizer():
    return Normalizer()


def read(normalizer: Normalizer, written: str) -> str:
    """Empty where there is nothing to say."""
    try:
        return normalizer.normalize(written)
    except ValueError:
        return ""


@pytest.mark.parametrize(("written", "spoken"), READINGS)
def test_what_people_write_is_read_right(normalizer, written, spoken):
    assert normalizer.normalize(written) == spoken


def test_the_table_is_large_and_has_every_kind():
    text = (HERE / "readings.tsv").read_text("utf-8")
    kinds = " ".join(line[2:] for line in text.split("\n") if line.startswith("# "))
    assert len(READINGS) >= 400
    assert len({written for written, _ in READINGS}) == len(READINGS), "a form stands there twice"
    assert [kind for kind in SEMIOTIC_CLASSES.split() if kind not in kinds] == []


@pytest.mark.parametrize("spoken", [spoken for _, spoken in READINGS])
def test_a_reading_is_read_as_it_is(normalizer, spoken):
    assert normalizer.normalize(spoken) == spoken


@pytest.mark.parametrize(("written", "spoken"), [(row[0], row[1:]) for row in NEMO])
def test_nemos_own_cases_are_read_as_nemo_reads_them(normalizer, written, spoken):
    ours = read(normalizer, written)
    same = heard(ours) in map(heard, spoken)
    if written in DIFFERENCES:
        assert not same, "no longer different; take it out of nemo_differences.tsv"
        assert ours == DIFFERENCES[written][0]
    else:
        assert same, (spoken, ours)


def test_few_readings_differ_from_nemos_and_each_has_a_reason():
    assert set(DIFFERENCES) <= {row[0] for row in NEMO}
    assert all(len(reason) > 15 for _, reason in DIFFERENCES.values())
    assert len(DIFFERENCES) <= 0.05 * len(NEMO)
