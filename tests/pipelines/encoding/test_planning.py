"""Plans of shards: the same for the same utterances, in memory that does not grow with them, and read in a moment."""

import json
import random
import tracemalloc
from pathlib import Path

import pytest

from pipelines.corpus.manifest import Utterance
from pipelines.encoding import planning, sorting
from pipelines.encoding.batches import batches_of
from pipelines.encoding.plan import Settings, open_plan
from pipelines.encoding.planning import make_plan
from pipelines.encoding.sorting import sorted_lines
from pipelines.shared.errors import UserError

SETTINGS = Settings("codec", "tokenizer", shard_size=4)


def line(number: int, **changes: object) -> str:
    values = dict(id=f"u{number:06d}", audio=f"wavs/{number}.wav", text="Hello.", duration_s=1 + number % 7 / 10)
    return json.dumps({**values, **changes})


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{one}\n" for one in lines), "utf-8")
    return path


def test_lines_are_sorted_in_runs(tmp_path):
    rng = random.Random(0)
    lines = [f"{rng.randrange(10**6)}\n".encode() for _ in range(1000)]
    assert list(sorted_lines(lines, tmp_path, run_lines=64)) == sorted(lines)
    assert list(tmp_path.iterdir()) == []


def test_a_plan_does_not_depend_on_the_order_of_a_manifest(tmp_path):
    lines = [line(number) for number in range(10)]
    one = make_plan(write(tmp_path / "a.jsonl", lines), tmp_path / "a", SETTINGS)
    random.Random(1).shuffle(lines)
    other = make_plan(write(tmp_path / "b.jsonl", lines), tmp_path / "b", SETTINGS)
    assert one.hash == other.hash == open_plan(tmp_path / "a").hash
    assert (tmp_path / "a/shards.jsonl").read_bytes() == (tmp_path / "b/shards.jsonl").read_bytes()
    assert [shard.name for shard in one.shards] == ["00000000", "00000004", "00000008"]
    planned = [one.shard(number) for number in range(3)]
    assert [u.id for shard in planned for u in shard.utterances] == [f"u{number:06d}" for number in range(10)]
    assert planned[0].utterances[1] == Utterance("u000001", "wavs/1.wav", "Hello.", duration_s=1.1)
    for shard in planned:
        assert sorted(number for batch in shard.batches for number in batch) == list(range(len(shard.utterances)))


@pytest.mark.parametrize(
    "change",
    [
        {"codec": "another"},
        {"tokenizer": "another"},
        {"reread": True},
        {"longest_s": 9.0},
        {"shard_size": 5},
    ],
)
def test_another_setting_is_another_plan_and_other_tasks(tmp_path, change):
    manifest = write(tmp_path / "m.jsonl", [line(number) for number in range(10)])
    one = make_plan(manifest, tmp_path / "a", SETTINGS)
    other = make_plan(manifest, tmp_path / "b", Settings(**{**vars(SETTINGS), **change}))
    assert one.hash != other.hash and one.task(0) != other.task(0)


def test_ids_that_are_there_twice_and_bad_lines_are_rejected_with_reasons(tmp_path):
    bad = ["{", '{"id": "x", "text": "Hello."}', line(3, duration_s=-1)]
    bad += [line(4, text="\ud800"), line(5, audio="a\0.wav"), line(6, duration_s=10**400), "[" * 100_000]
    lines = [line(number) for number in range(10)] + [line(2, text="Again."), *bad]
    plan = make_plan(write(tmp_path / "m.jsonl", lines), tmp_path / "plan", SETTINGS, most=0.5)
    assert (plan.utterances, plan.rejected) == (10, 8)
    assert [(one.what, one.reason) for one in plan.shard(0).rejects] == [("u000002", "line 11: line 3 has the same id")]
    assert plan.shard(0).utterances[2].text == "Hello."
    rejects = [json.loads(one) for one in (tmp_path / "plan/rejects.jsonl").read_text().splitlines()]
    assert [one["what"].rpartition(":")[2] for one in rejects] == [f"{number}" for number in range(12, 19)]
    assert "not JSON" in rejects[0]["reason"] and "missing or empty: audio" in rejects[1]["reason"]
    with pytest.raises(UserError, match="7 of 18 utterances cannot be used"):
        make_plan(tmp_path / "m.jsonl", tmp_path / "strict", SETTINGS, most=0.1)
    assert not (tmp_path / "strict/plan.json").exists() and not (tmp_path / "strict/shards.jsonl").exists()


def test_ids_of_any_characters_come_back(tmp_path):
    names = ["a\tb", "a", "ä", "a/b", "a\\tb", "日本", "a\nb", " "]
    lines = [line(number, id=name) for number, name in enumerate(names)]
    plan = make_plan(write(tmp_path / "m.jsonl", lines), tmp_path / "plan", SETTINGS)
    found = [u.id for number in range(len(plan.shards)) for u in plan.shard(number).utterances]
    assert sorted(found) == sorted(names)


def test_a_plan_that_was_changed_is_refused(tmp_path):
    plan = make_plan(write(tmp_path / "m.jsonl", [line(number) for number in range(10)]), tmp_path / "plan", SETTINGS)
    shards = tmp_path / "plan/shards.jsonl"
    shards.write_text(shards.read_text().replace("Hello.", "Jello.", 1))
    with pytest.raises(UserError, match=r"shards.jsonl is not what .*plan.json says"):
        plan.shard(0)
    text = (tmp_path / "plan/plan.json").read_text()
    (tmp_path / "plan/plan.json").write_text(text.replace('"codec": "codec"', '"codec": "other"'))
    with pytest.raises(UserError, match="was changed after it was made"):
        open_plan(tmp_path / "plan")
    values = json.loads(text)
    for content in ([], {**values, "hash": 1}, {**values, "shards": [["../x", *one[1:]] for one in values["shards"]]}):
        (tmp_path / "plan/plan.json").write_text(json.dumps(content))
        with pytest.raises(UserError, match="is not a plan|was changed after it was made"):
            open_plan(tmp_path / "plan")
    del values["hash"]
    (tmp_path / "plan/plan.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match="is not a plan"):
        open_plan(tmp_path / "plan")
    with pytest.raises(UserError, match="holds no plan"):
        open_plan(tmp_path)


@pytest.mark.parametrize(("content", "message"), [(None, "is not a manifest file"), ("\n\n", "holds no utterance")])
def test_manifests_that_are_none(tmp_path, content, message):
    if content is not None:
        (tmp_path / "m.jsonl").write_text(content)
    with pytest.raises(UserError, match=message):
        make_plan(tmp_path / "m.jsonl", tmp_path / "plan", SETTINGS)


def test_memory_does_not_grow_with_the_manifest(tmp_path, monkeypatch):
    """Four times the lines take no more memory, once a run of lines is full."""
    sort = planning.sorted_lines
    monkeypatch.setattr(sorting, "BUFFER", 4096)
    monkeypatch.setattr(planning, "sorted_lines", lambda lines, folder: sort(lines, folder, run_lines=500))
    peaks = []
    for count in (2000, 8000):
        manifest = write(tmp_path / f"{count}.jsonl", [line(number) for number in range(count)])
        tracemalloc.start()
        make_plan(manifest, tmp_path / str(count), Settings("codec", "tokenizer", shard_size=100))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    whole = (tmp_path / "8000.jsonl").stat().st_size
    assert peaks[1] < peaks[0] + whole / 4, peaks


def test_batches_hold_like_lengths_and_no_more_than_they_may():
    rng = random.Random(0)
    durations = [rng.uniform(0.5, 20) for _ in range(300)] + [50.0, 0.0]
    batches = batches_of(durations, most_items=8, most_s=60.0)
    assert sorted(number for batch in batches for number in batch) == list(range(302))
    for batch in batches:
        longest = max(durations[number] for number in batch)
        assert len(batch) == 1 or (len(batch) <= 8 and len(batch) * longest <= 60.0)
    ends = [durations[number] for batch in batches for number in (batch[0], batch[-1])]
    assert ends == sorted(ends)
    assert batches_of([]) == []
