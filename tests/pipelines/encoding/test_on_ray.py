"""Shards made by Ray's workers: those of one process, byte by byte, whoever is killed meanwhile."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

pytest.importorskip("ray", reason="needs lfsc-tts[ray]")
import toys
from bad_recordings import BAD
from encoded import files, rejects
from pipelines import encode_corpus
from pipelines.encoding.places import joined
from pipelines.encoding.plan import Settings
from pipelines.shared.errors import UserError
from sources import ROOT

GOOD, BAD_ONES = map(int, os.environ.get("LFSC_RAY_FILES", "80,20").split(","))  # 940,60 is the full test
KINDS = [kind for kind in BAD if kind not in ("twice", "latin1", "no_text", "columns")]
PATIENCE_S = 180.0  # a busy machine takes its time to start processes


@pytest.fixture(scope="module")
def root(made, tmp_path_factory) -> Path:
    """Good recordings and bad ones of many kinds, some of them several times in the manifest."""
    root = tmp_path_factory.mktemp("ray")
    for name in ("codec", "tokenizer.model"):
        (root / name).symlink_to(made / name)
    (root / "wavs").mkdir()
    lines = []
    for number in range(GOOD):
        path = root / f"wavs/{number:04d}.wav"
        soundfile.write(path, toys.utterance(number, 0.9 + number % 5 / 10), toys.RATE, subtype="PCM_16")
        lines.append(dict(id=f"good{number:04d}", audio=f"wavs/{path.name}", text="Hello.", phonemes="həlˈO"))
    for number in range(BAD_ONES):
        kind = [*KINDS, "twin"][number % (len(KINDS) + 1)]
        path = root / f"wavs/{kind}{number:04d}"
        if kind == "twin":
            lines.append(dict(lines[number], text="There."))
            continue
        BAD[kind][0](path)
        found = sorted(root.glob(f"wavs/{kind}{number:04d}.*"))
        phonemes = "!?" * 60 if kind == "unspeakable" else "həlˈO"
        audio = f"wavs/{found[0].name if found else f'{path.name}.wav'}"
        lines.append(dict(id=f"bad{number:04d}", audio=audio, text="Hello.", phonemes=phonemes, duration_s=0.5))
    (root / "manifest.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in lines), "utf-8")
    return root


def flags(root: Path, out: str, *more: str) -> list[str]:
    paths = ["--plan", root / "plan", "--manifest", root / "manifest.jsonl", "--codec", root / "codec"]
    return [
        *map(str, [*paths, "--tokenizer", root / "tokenizer.model", "--out", joined(str(root), out)]),
        "--max-rejects",
        ".5",
        *more,
    ]


@pytest.fixture(scope="module")
def alone(root) -> dict[str, bytes]:
    """Made by one process, without Ray."""
    with pytest.MonkeyPatch.context() as patch:
        size = max((GOOD + BAD_ONES) // 10, 1)
        patch.setattr(encode_corpus, "Settings", lambda *values: Settings(*values, shard_size=size))
        encode_corpus.main(flags(root, "alone"))
    found = rejects(root / "alone")
    assert len({reason for reason in found.values()}) >= min(BAD_ONES, len(KINDS) + 1) - 2
    assert len(found) == BAD_ONES
    return files(root / "alone")


def start(root: Path, out: str) -> "subprocess.Popen[str]":
    script = [
        sys.executable,
        str(ROOT / "pipelines/encode_corpus.py"),
        *flags(root, out, "--ray", "--ray-workers", "2"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(script, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def workers_below(parent: int) -> list[int]:
    """Processes of Ray's workers that another process has started, itself or through others, as /proc tells."""
    parents, workers = {}, []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
            parents[pid] = int(rest[1])
            if b"ray::Worker" in (stat.parent / "cmdline").read_bytes():
                workers.append(pid)
        except OSError:  # has ended meanwhile
            continue

    def is_below(pid: int) -> bool:
        return pid == parent or (pid in parents and is_below(parents[pid]))

    return [pid for pid in workers if is_below(pid)]


def wait_for(process: "subprocess.Popen[str]", out: Path, shards: int) -> None:
    """Until some shards are done."""
    end = time.monotonic() + PATIENCE_S
    while len(list(out.glob("*.sha256"))) < shards:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "no shard within the time"
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds workers in /proc")
def test_a_lost_worker_has_its_shard_made_by_another(root, alone):
    """Shards are put by URL, here of a folder."""
    with start(root, f"file://{root}/lost") as process:
        wait_for(process, root / "lost", 1)
        killed = workers_below(process.pid)
        os.kill(killed[0], signal.SIGKILL)
        output = process.communicate(timeout=PATIENCE_S)[0]
    assert process.returncode == 0, output
    assert files(root / "lost") == alone
    assert not list((root / "lost").glob(".*"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="as above")
def test_a_killed_driver_goes_on_with_the_same_command(root, alone):
    with start(root, "driver") as process:
        wait_for(process, root / "driver", 2)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
    before = {path.name: path.stat().st_mtime_ns for path in (root / "driver").glob("*.sha256")}
    assert 2 <= len(before) < 10
    with start(root, "driver") as process:
        output = process.communicate(timeout=PATIENCE_S)[0]
    assert process.returncode == 0, output
    assert files(root / "driver") == alone
    after = {path.name: path.stat().st_mtime_ns for path in (root / "driver").glob("*.sha256")}
    assert len(after) == 10 and before.items() <= after.items()  # nothing twice, nothing lost


def test_a_cluster_that_is_not_there_is_a_mistake_of_the_user(root, alone):
    with pytest.raises(UserError, match="got --ray without --plan"):
        encode_corpus.main([*flags(root, "none")[2:], "--ray"])
