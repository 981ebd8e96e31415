"""Shards of a corpus, shared between processes: every utterance once."""

import pytest

from pipelines.corpus import parts
from pipelines.corpus.manifest import Utterance
from pipelines.corpus.parts import parse_part, shards_of
from pipelines.shared.errors import UserError


@pytest.mark.parametrize(("text", "part"), [("1/1", (1, 1)), ("3/4", (3, 4))])
def test_parts_are_read(text, part):
    assert parse_part(text) == part


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "-1/2", "1/2/3", ""])
def test_impossible_parts_are_refused(text):
    with pytest.raises(UserError, match=r"expected i/n with 1 <= i <= n"):
        parse_part(text)


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_the_parts_together_are_the_corpus(tmp_path, monkeypatch, count):
    monkeypatch.setattr(parts, "SHARD_SIZE", 3)
    utterances = [Utterance(str(number), f"{number}.wav", "Hello.") for number in range(11)]
    shards = sorted(shard for i in range(count) for shard in shards_of(utterances, tmp_path, f"{i + 1}/{count}"))
    assert shards == shards_of(utterances, tmp_path, "1/1")
    assert [utterance for _, members in shards for utterance in members] == utterances
    assert [path.name for path, _ in shards] == [f"{start:06d}.safetensors" for start in (0, 3, 6, 9)]
