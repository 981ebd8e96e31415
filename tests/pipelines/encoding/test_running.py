"""Shards of a plan: made at once or interrupted, the same bytes; what is done is what has a valid checksum."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import toys
from codec import load as load_codec
from codec import save as save_codec
from encoded import files, rejects
from pipelines.corpus import manifest
from pipelines.encoding import receipts, stores, tasks
from pipelines.shared.errors import UserError
from speechllm.data.shards import open_shards


def watch(monkeypatch) -> list[int]:
    """Numbers of the shards that are made from now on."""
    made: list[int] = []
    encode = tasks.Worker.encode
    monkeypatch.setattr(tasks.Worker, "encode", lambda self, number: made.append(number) or encode(self, number))
    return made


def rerecord(root: Path, number: int, audio: np.ndarray) -> None:
    soundfile.write(root / f"corpus/wavs/{number:03d}.wav", audio, toys.RATE, subtype="FLOAT")


def test_shards_hold_the_codes_of_each_utterance_alone(root, encode):
    encode()
    shards, codec = open_shards(root / "codes"), load_codec(root / "codec")
    assert [len(shard) for shard in shards] == [4, 4, 2]
    for shard in shards:
        for number, name in enumerate(shard.names):
            assert torch.equal(shard[number].codes.T, codec.encode(trimmed(root / f"corpus/wavs/{name}.wav"))[0][0])
    figures = json.loads((root / "codes/report.json").read_text())
    assert figures["shards"] == 3 and figures["times_real_time"] > 0 and 0 <= figures["waiting_for_audio"] <= 1
    assert figures["read_bytes_per_s"] > 0


def trimmed(path: Path) -> torch.Tensor:
    from codec.audio.reading import read_speech

    return torch.cat(list(read_speech(path, toys.RATE)), dim=1)[None]


def test_a_second_run_makes_nothing_and_another_folder_gets_the_same(root, encode, monkeypatch, capsys):
    encode()
    made = watch(monkeypatch)
    before = files(root / "codes")
    encode()
    assert not made and "3 of 3 shards are done, 0 to be made" in capsys.readouterr().out
    encode(out="other")
    assert made == [0, 1, 2] and files(root / "other") == before == files(root / "codes")
    for part in ("2/3", "1/3", "3/3"):
        encode("--part", part, out="parts")
    assert files(root / "parts") == before


def test_a_plan_says_how_texts_are_read(root, encode):
    encode()
    with pytest.raises(UserError, match="got --reread, and .*plan was made without it; plan again in another folder"):
        encode("--reread")
    shutil.rmtree(root / "plan")
    encode("--reread", out="reread")
    encode("--reread", out="again")
    assert files(root / "reread").keys() == files(root / "again").keys()


def test_a_plan_is_of_one_manifest(root, encode):
    encode()
    (root / "corpus/manifest.jsonl").rename(root / "corpus/other.jsonl")
    with pytest.raises(UserError, match="manifest.jsonl is not a manifest file; leave out --manifest: .*plan has all"):
        encode()
    lines = (root / "corpus/other.jsonl").read_text().splitlines(keepends=True)
    (root / "corpus/manifest.jsonl").write_text("".join(lines[1:]))
    with pytest.raises(UserError, match="got --manifest .*manifest.jsonl, and .*plan was made of another one"):
        encode()
    before = json.loads((root / "plan/plan.json").read_text())
    (root / "plan/plan.json").write_text(json.dumps({key: value for key, value in before.items() if key != "manifest"}))
    encode()  # a plan of before manifests were remembered


def test_a_corpus_elsewhere_gives_the_same_shards(root, encode, tmp_path, monkeypatch):
    encode()
    before = files(root / "codes")
    for path in (root / "corpus/wavs").iterdir():
        os.utime(path, (1, 1))
    shutil.rmtree(root / "codes")
    monkeypatch.chdir(root)
    encode("--readers", 3)
    assert files(root / "codes") == before


def test_sums_are_those_that_sha256sum_checks(root, encode):
    encode()
    command = ["sha256sum", "-c", "--strict", "SHA256SUMS", *(path.name for path in (root / "codes").glob("*.sha256"))]
    checked = subprocess.run(command, cwd=root / "codes", capture_output=True, text=True, check=True)
    assert checked.stdout.count(": OK") == 6


@pytest.mark.parametrize(
    ("step", "after"), [("write_files", 1), ("write_receipt", 0), ("replace", 0), ("replace", 3), ("sync", 1)]
)
def test_an_interrupted_run_goes_on_and_leaves_nothing_half_written(root, encode, monkeypatch, step, after):
    """At any step of a shard: what is there afterwards is whole, and the rest is made."""
    encode(out="whole")
    left = {"count": after}

    def fail(*args, _real, **options):
        left["count"] -= 1
        if left["count"] < 0:
            raise KeyboardInterrupt
        return _real(*args, **options)

    with monkeypatch.context() as patch:
        where = {"replace": Path, "sync": receipts, "write_files": receipts}.get(step, stores)
        real = getattr(where, step)
        patch.setattr(where, step, lambda *args, **options: fail(*args, _real=real, **options))
        with pytest.raises(KeyboardInterrupt, match="the same command resumes"):
            encode()
    made = watch(monkeypatch)
    assert not list((root / "codes").glob(".*.partial"))
    encode()
    assert made and files(root / "codes") == files(root / "whole")


def test_what_a_killed_process_left_is_removed_and_never_read(root, encode, monkeypatch):
    encode()
    shutil.copytree(root / "codes", root / ".codes")
    stale = root / "codes/.00000004.1-ab.partial"
    stale.mkdir()
    shutil.copy(root / "codes/00000004.safetensors", stale)
    assert sum(map(len, open_shards(root / "codes"))) == 10
    (root / "codes/00000004.sha256").unlink()
    made = watch(monkeypatch)
    encode()
    assert made == [1] and not stale.exists()


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "receipt"])
def test_damaged_shards_are_made_again(root, encode, monkeypatch, damage):
    encode()
    before = files(root / "codes")
    shard, receipt = root / "codes/00000004.safetensors", root / "codes/00000004.sha256"
    content = shard.read_bytes()
    if damage == "cut":
        shard.write_bytes(content[:-1])
    elif damage == "changed":
        shard.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "gone":
        shard.unlink()
    else:
        receipt.write_bytes(receipt.read_bytes()[:100])
    made = watch(monkeypatch)
    encode()
    assert made == [1] and files(root / "codes") == before


def test_a_copy_is_done_too_and_verify_finds_what_has_kept_its_time(root, encode, monkeypatch):
    encode()
    shutil.copytree(root / "codes", root / "copy", copy_function=shutil.copyfile)
    made = watch(monkeypatch)
    encode(out="copy")
    assert not made
    shard = root / "codes/00000004.safetensors"
    stat, content = shard.stat(), shard.read_bytes()
    shard.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(shard, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    encode()
    assert not made
    encode("--verify")
    assert made == [1] and shard.read_bytes() == content


def test_parts_side_by_side_end_with_the_list_of_all(root, encode, monkeypatch):
    """The second part is made while the first one is at work."""
    rerecord(root, 1, np.zeros(9000))
    rerecord(root, 5, np.zeros(9000))
    encode("--max-rejects", 0.5, out="whole")
    made, encode_one = [], tasks.Worker.encode

    def at_work(self, number: int):
        result = encode_one(self, number)
        made.append(number)
        if number == 0:
            encode("--part", "2/2", "--max-rejects", 0.5)
        return result

    monkeypatch.setattr(tasks.Worker, "encode", at_work)
    encode("--part", "1/2", "--max-rejects", 0.5)
    assert made == [0, 1, 2] and files(root / "codes") == files(root / "whole")
    assert sorted(rejects(root / "codes")) == ["001", "005"] and (root / "codes/SHA256SUMS").is_file()


def test_shards_of_something_else_are_not_lost(root, encode):
    """Of another plan, in another format, or made without a plan."""
    encode()
    before = files(root / "codes")
    with pytest.raises(UserError, match="00000000.sha256 is of another plan, codec, tokenizer or format"):
        encode("--format", "webdataset")
    shutil.move(root / "plan", root / "first")
    utterances = manifest.read(root / "corpus/manifest.jsonl")
    manifest.write(root / "corpus/manifest.jsonl", [replace(one, text="Changed.") for one in utterances])
    with pytest.raises(UserError, match="00000000.sha256 is of another plan, codec, tokenizer or format"):
        encode()
    assert files(root / "codes") == before
    (root / "plain").mkdir()
    shutil.copy(root / "codes/00000000.safetensors", root / "plain/000000.safetensors")
    with pytest.raises(UserError, match=r"has shards that are not of .*000000.safetensors"):
        encode(out="plain")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--readers", 0), "got --readers 0 .*expected 1 or more"),
        (("--threads", 0), "--threads 0 .*expected 1 or more"),
        (("--ray-workers", -1), "--ray-workers -1; expected"),
        (("--device", "nonsense"), "got --device nonsense, which is not here"),
    ],
)
def test_machines_that_are_not_here(root, encode, flags, message):
    with pytest.raises(UserError, match=message):
        encode(*flags)
    assert not (root / "codes").exists() and not (root / "plan").exists()


def test_bad_utterances_are_rejected_inside_their_shards(root, encode, capsys):
    path = root / "corpus/manifest.jsonl"
    utterances = manifest.read(path)
    utterances[2] = replace(utterances[2], phonemes="hə" * 40)
    utterances[6] = replace(utterances[6], phonemes="жж")
    manifest.write(path, utterances)
    rerecord(root, 1, np.zeros(9000))
    (root / "corpus/wavs/004.wav").write_bytes((root / "corpus/wavs/003.wav").read_bytes())
    (root / "corpus/wavs/005.wav").write_bytes((root / "corpus/wavs/007.wav").read_bytes())
    (root / "corpus/wavs/008.wav").unlink()
    rerecord(root, 9, np.tile(toys.voiced(140, 1.0), 61))
    path.write_text(path.read_text("utf-8") + path.read_text("utf-8").splitlines()[0] + "\n", "utf-8")
    encode("--max-rejects", 0.7)
    found = rejects(root / "codes")
    assert sorted(found) == ["000", "001", "002", "006", "007", "008", "009"]
    assert "same id" in found["000"] and "wavs/001.wav is silent" in found["001"]
    assert "81 characters of phonemes in" in found["002"] and "never seen" in found["006"]
    assert "recording of 005 too" in found["007"] and "is not a file" in found["008"]
    assert "lasts 61.00 s; expected 60 s or less" in found["009"]
    assert not any(str(root) in reason for reason in found.values())
    names = [name for shard in open_shards(root / "codes") for name in shard.names]
    assert names == ["000", "003", "004", "005"]  # 003 and 004, of two shards, are not compared
    assert "7 of 11 utterances rejected" in capsys.readouterr().out
    with pytest.raises(UserError, match="7 of 11 utterances cannot be used"):
        encode()


def test_mistakes_are_named(root, encode, tmp_path):
    encode()
    with pytest.raises(UserError, match="with --features or --redo"):
        encode("--redo")
    save_codec(toys.toy_codec(seed=3), root / "other-codec")
    with pytest.raises(UserError, match=r"was made for codec \w+, got \w+; plan again"):
        encode("--codec", root / "other-codec", out="other")
    shutil.copy(root / "codes/00000004.sha256", root / "codes/00000099.sha256")
    with pytest.raises(UserError, match=r"has shards that are not of .*00000099.sha256"):
        encode()
