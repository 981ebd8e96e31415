"""Debug trainings interrupted at any moment and gone on with: the uninterrupted one's weights, to the bit.

Moments are drawn over the steps, validations and checkpoints of a forked process, which has its libraries, and in turn
over the whole life of a fresh one, while libraries are imported too. One of each kind is tried; MOMENTS=10 tries ten,
`pytest -s` shows them.
"""

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

import toys
from interruptions import CODES, DISK_MIB, STEPS, command, finish, interrupt, logged_steps, trained, write_lm_corpus

MOMENTS = int(os.environ.get("MOMENTS", "1"))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """What is trained on."""
    root = tmp_path_factory.mktemp("interrupted")
    toys.write_corpus(root)
    write_lm_corpus(root)
    return root


@pytest.fixture(scope="module", params=["lm", "codec"])
def whole(request, root) -> tuple[str, dict[bool, float], dict[str, bytes]]:
    """Name of a training, seconds that its steps and all of it take, and what it gives where nobody interrupts it."""
    lasts_s, steps_s = 0.0, 0.0
    for forked in (True, False):
        folder, begin = root / f"{request.param}-{forked}", time.time()
        finish(command(request.param, root, folder), folder, root / "said", forked)
        assert logged_steps(folder) == list(range(1, STEPS[request.param] + 1))
        lasts_s = time.time() - begin
        steps_s = steps_s or time.time() - (folder / "config.json").stat().st_mtime
    assert trained(root / f"{request.param}-True") == trained(folder)
    return request.param, {False: lasts_s, True: steps_s}, trained(folder)


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs"]
    try:
        subprocess.run(["mount", *options, str(disk)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk can be mounted by root alone")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("number", range(MOMENTS))
@pytest.mark.parametrize("kind", CODES)
def test_what_was_interrupted_and_gone_on_with_is_the_uninterrupted(root, whole, disk, tmp_path, kind, number):
    training, lasts_s, wanted = whole
    begun = number % 2 == 0
    after_s, folder = random.Random(f"{training} {kind} {number}").uniform(0, lasts_s[begun]), disk / "run"
    arguments = command(training, root, folder)
    code, said = interrupt(kind, arguments, folder, tmp_path / "said", after_s, begun)
    done = len(logged_steps(folder)) if (folder / "metrics.csv").is_file() else 0
    when = f"{after_s:.1f} of {lasts_s[begun]:.1f} s {'of steps' if begun else 'in all'}"
    print(f"{training}, {kind} after {when}: exit code {code}, {done} steps in the log")
    assert code in CODES[kind], said[-3000:]
    assert "Traceback" not in said, said[-3000:]
    finish(arguments, folder, tmp_path / "said", begun)
    assert trained(folder) == wanted
    assert logged_steps(folder) == list(range(1, STEPS[training] + 1))
