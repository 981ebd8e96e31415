"""The sentences a teacher reads: varied, the same for a seed, and none of those that are tested on."""

import gzip

import pytest

from pipelines import corpus_texts
from pipelines.corpus_texts import SPOKEN, key
from pipelines.shared.errors import UserError

PHRASES = [
    f"the {noun} was {adjective}" for noun in ("cat", "dog", "tree") for adjective in ("old", "new", "lost", "red")
]
ADDRESS = "We meet again in this great hall to speak of peace. The state of the nation has seldom been so good as now."


@pytest.fixture
def write(tmp_path):
    quoted = "; ".join(f'"{phrase}"' for phrase in PHRASES)
    (tmp_path / "wn.dict.dz").write_bytes(gzip.compress(f"cat\n n 1: an animal {quoted}\n".encode()))
    (tmp_path / "sotu").mkdir()
    (tmp_path / "sotu/1950.txt").write_text(ADDRESS)
    (tmp_path / "sotu/1850.txt").write_text("An address in the spelling of another century, which is left out.")
    (tmp_path / "cmu.txt").write_text("".join(f"{word}  AH0\n" for word in "APPLE RIVER STONE CLOUD WINTER".split()))

    def run(*held_out: str, **flags: object) -> list[str]:
        (tmp_path / "held.txt").write_text("\n".join(held_out) + "\n")
        paths = dict(wordnet="wn.dict.dz", sotu="sotu", cmudict="cmu.txt", exclude="held.txt", out="texts.txt")
        values = {**{name: tmp_path / path for name, path in paths.items()}, **flags}
        corpus_texts.main([f"--{name}={value}" for name, value in values.items()])
        return (tmp_path / "texts.txt").read_text().splitlines()

    return run


def test_every_source_is_read_and_every_line_can_be_spoken(write):
    lines = write(composed=0.4)
    keys = {key(line) for line in lines}
    assert {key(phrase) for phrase in PHRASES} <= keys
    assert {key(sentence) for sentence in ADDRESS.split(". ")} <= keys
    assert not any("another century" in line for line in lines)
    assert any("apple" in line.lower() or "river" in line.lower() for line in lines)
    for line in lines:
        assert SPOKEN.fullmatch(line.replace('"', "")), line
        assert line[0].isupper() or line[0] == '"', line
        assert line.rstrip('"')[-1] in ".?!", line


def test_sentences_that_are_held_out_are_not_written(write):
    held_out = PHRASES[3].upper() + "!!", "the Dog, was: RED"
    assert {key(line) for line in held_out} <= {key(line) for line in write()}
    lines = write(*held_out)
    assert not {key(line) for line in held_out} & {key(line) for line in lines}
    assert key(PHRASES[0]) in {key(line) for line in lines}


def test_composed_sentences_can_be_held_out_too(write):
    lines = write(composed=0.9)
    composed = next(line for line in lines if key(line) not in {key(p) for p in PHRASES})
    assert key(composed) not in {key(line) for line in write(composed, composed=0.9)}


def test_the_same_seed_writes_the_same_lines(write):
    assert write(seed=1) == write(seed=1)
    assert write(seed=1) != write(seed=2)


def test_a_missing_source_is_named(write, tmp_path):
    with pytest.raises(UserError, match=r"absent.dz does not exist"):
        write(wordnet=tmp_path / "absent.dz")
