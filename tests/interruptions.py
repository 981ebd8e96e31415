"""Debug trainings to interrupt: what they train on, how they are started, stopped and compared."""

import contextlib
import csv
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

import toys
from pipelines import train_codec, train_lm
from pipelines.shared.errors import guard
from sources import ROOT
from speechllm.data.shards import Example, Shard, write_shard

STEPS = {"codec": 50, "lm": 40}
DISK_MIB = 4
FILLER = "filler"
PATIENCE_S = 1800  # on a machine that does much else
KILLED = {"SIGTERM": signal.SIGTERM, "SIGKILL": signal.SIGKILL}
CODES = {  # exit codes that an interruption may end with; 0 = it came too late
    "SIGTERM": {0, 143, -signal.SIGTERM},  # the last before a script listens, and when its interpreter ends
    "SIGKILL": {0, -signal.SIGKILL},
    "full disk": {0, 2},
}


def write_lm_corpus(folder: Path) -> None:
    """A tokenizer, and aligned shards of random codes."""
    tokenizer = toys.write_tokenizer(folder / "tokenizer.model")
    examples = []
    for number in range(12):
        ids = torch.tensor(tokenizer.encode(toys.PHONEMES[number % len(toys.PHONEMES)]))
        examples.append(Example(f"{number:03d}", ids, toys.random_codes(1, 24 + number, number)[0].T))
    path = folder / "codes/0.safetensors"
    path.parent.mkdir()
    write_shard(path, examples, toys.TOY_SPEC, tokenizer.fingerprint)
    Shard(path).write_positions([torch.arange(len(e.codes)) * len(e.ids) // len(e.codes) for e in examples])


def command(training: str, root: Path, folder: Path) -> list[str]:
    """What trains in a folder, with a checkpoint at every step."""
    flags = [
        f"--run_dir={folder}",
        "--checkpoint_minutes=0",
        f"--optim.max_steps={STEPS[training]}",
        "--validate_every=10",
    ]
    flags += ["--trainer.accelerator=cpu", "--trainer.log_every_n_steps=1", "--trainer.enable_progress_bar=false"]
    if training == "codec":
        script, flags = "train_codec.py", [*flags, f"--manifest={root / 'manifest.jsonl'}"]
    else:
        script, flags = "train_lm.py", [*flags, f"--shards={root / 'codes'}", f"--tokenizer={root}/tokenizer.model"]
    config = "codec/debug" if training == "codec" else "speechllm/debug"
    return [sys.executable, str(ROOT / "pipelines" / script), "--config", config, *flags]


class Started:
    """A training that runs in a process of its own.

    Args:
        arguments: of `command`.
        said: file for what it says.
        forked: whether the process has its libraries from this one, or imports them itself.
    """

    def __init__(self, arguments: list[str], said: Path, forked: bool):
        self.said = said
        self.process: Any
        if forked:
            self.process = multiprocessing.get_context("fork").Process(target=in_child, args=(arguments, said))
            self.process.start()
        else:
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
            with open(said, "wb") as file:
                pipes = dict(stdout=subprocess.DEVNULL, stderr=file)
                self.process = subprocess.Popen(arguments, cwd=ROOT, env=environment, **pipes)  # type: ignore[call-overload]

    def code(self, wait_s: float = 0.0) -> int | None:
        """The exit code; None after as many seconds without one."""
        if isinstance(self.process, subprocess.Popen):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(wait_s)
            return self.process.returncode
        self.process.join(wait_s)
        return self.process.exitcode

    def end(self) -> tuple[int, str]:
        """Wait; the exit code, and what was said."""
        code = self.code(PATIENCE_S)
        if code is None:
            os.kill(self.process.pid, signal.SIGKILL)
            raise TimeoutError(f"{self.process.pid} has not ended in {PATIENCE_S} s")
        return code, self.said.read_text("utf-8", "replace")


def in_child(arguments: list[str], said: Path) -> None:
    """A script in a process that was forked."""
    with open(said, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    main = {"train_codec.py": train_codec.main, "train_lm.py": train_lm.main}[Path(arguments[1]).name]
    guard(lambda: main(arguments[2:]))


def fill(disk: Path) -> None:
    """Leave nothing free."""
    with open(disk / FILLER, "wb", buffering=0) as file:
        try:
            for size in (65_536, 4096, 1):
                while file.write(bytes(size)) == size:
                    pass
        except OSError:
            pass


def interrupt(
    kind: str, arguments: list[str], folder: Path, said: Path, after_s: float, begun: bool
) -> tuple[int, str]:
    """Start a training and interrupt it; returns its exit code and what it said.

    Args:
        kind: of CODES.
        arguments: of `command`.
        folder: of the run.
        said: file for what it says.
        after_s: when.
        begun: whether seconds are counted from the first step on, in a forked process, and not from the start of one.
    """
    started = Started(arguments, said, begun)
    while begun and started.code() is None and not (folder / "metrics.csv").is_file():
        time.sleep(0.005)
    time.sleep(after_s)
    if kind not in KILLED:
        fill(folder.parent)
    elif started.code() is None:
        os.kill(started.process.pid, KILLED[kind])
    found = started.end()
    (folder.parent / FILLER).unlink(missing_ok=True)
    return found


def finish(arguments: list[str], folder: Path, said: Path, forked: bool) -> None:
    """Train what is left."""
    code, heard = Started(arguments, said, forked).end()
    assert not code or "steps; raise --optim.max_steps" in heard, heard[-3000:]
    assert not list(folder.glob("*.partial"))


def trained(folder: Path) -> dict[str, bytes]:
    """Every weight, step and state of the optimisers, and the files of the model, as bits."""
    checkpoint = torch.load(folder / "last.ckpt", weights_only=True)
    found = {name: tensor.numpy().tobytes() for name, tensor in checkpoint["state_dict"].items()}
    for number, optimizer in enumerate(checkpoint["optimizer_states"]):
        for index, values in optimizer["state"].items():
            found |= {f"{number}.{index}.{name}": tensor.numpy().tobytes() for name, tensor in values.items()}
    models = [path for path in folder.rglob("*.safetensors")]
    assert models
    return found | {str(path.relative_to(folder)): path.read_bytes() for path in models}


def logged_steps(folder: Path) -> list[float]:
    """Steps whose losses are in the log, in its order."""
    with open(folder / "metrics.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [float(row["step"]) for row in rows if any(row[name] for name in row if name.startswith("train/"))]
