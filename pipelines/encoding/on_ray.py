"""Shards of a plan made by workers of a Ray cluster. Optional: pip install 'lfsc-tts[ray]'.

Ray hands out numbers of shards and nothing else: plan, recordings and shards lie where all machines see them. So shards
are those of one process, a worker that is lost has its shard made by another, and after the end of this process the
same command goes on.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.encoding.places import joined
from pipelines.encoding.receipts import Receipt
from pipelines.encoding.tasks import Job, Usage, Worker
from pipelines.shared.errors import UserError

TRIES = 3  # of a shard whose workers are lost; more would be for ever where the shard is what kills them
SOURCE = Path(__file__).resolve().parents[2]  # where packages are found, also where they are not installed


class RayRunner:
    """A Runner on a cluster.

    Args:
        address: `host:port`, `auto` for the cluster this machine belongs to, or `local` to start one here.
        workers: processes, 0 = as many as there are GPUs for a job on GPUs, or else as cores allow.
    """

    def __init__(self, address: str, workers: int = 0):
        self.address, self.workers = address, workers

    def __call__(self, job: Job, numbers: Sequence[int]) -> Iterator[tuple[int, Receipt, Usage]]:
        """See Runner."""
        job = replace(job, **{name: getattr(job, name).resolve() for name in ("plan", "codec", "tokenizer")})
        job = replace(job, out=joined(os.getcwd(), job.out))
        Worker(replace(job, device="cpu", compile=False))  # says what is wrong with a job before any process starts
        ray = connect(self.address, self.workers * job.threads)
        try:
            yield from hand_out(ray, self.actors(ray, job, len(numbers)), numbers)
        finally:
            ray.shutdown()

    def actors(self, ray: Any, job: Job, most: int) -> list[Any]:
        """Processes with codec and tokenizer loaded."""
        gpus = int(job.device.startswith("cuda"))
        cores = 1 if gpus else job.threads
        total = ray.cluster_resources().get("GPU" if gpus else "CPU", 0)
        count = min(self.workers or int(total // (gpus or cores)), most)
        if count < 1:
            raise UserError(
                f"the cluster has {total:g} {'GPUs' if gpus else 'cores'}; expected {gpus or cores} at least"
            )
        remote = ray.remote(Worker).options(num_cpus=cores, num_gpus=gpus, max_restarts=-1, max_task_retries=TRIES)
        return [remote.remote(job) for _ in range(count)]


def connect(address: str, cores: int) -> Any:
    """Ray's module, connected. On a cluster of many machines this project must be installed on each.

    Args:
        address: as of RayRunner.
        cores: that a cluster on this machine is to have at least.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    os.environ.setdefault("RAY_worker_niceness", "0")  # at Ray's 15, workers starve beside anything else that runs
    try:
        import ray
    except ImportError:
        raise UserError("--ray needs Ray; pip install 'lfsc-tts[ray]'") from None
    here: dict[str, Any] = {}
    if address == "local":
        here = dict(num_cpus=max(cores, os.cpu_count() or 1), include_dashboard=False)
        paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # workers inherit it
    try:
        ray.init(address, configure_logging=False, **here)
    except ConnectionError as error:
        raise UserError(
            f"got --ray {address}, where no cluster answers ({error}); start one with `ray start`"
        ) from None
    return ray


def hand_out(ray: Any, actors: Sequence[Any], numbers: Sequence[int]) -> Iterator[tuple[int, Receipt, Usage]]:
    """Give every worker a shard, and another when it is done with one."""
    waiting = iter(numbers)
    running: dict[Any, tuple[int, Any]] = {}

    def give(actor: Any) -> None:
        for number in waiting:
            running[actor.encode.remote(number)] = number, actor
            return

    for actor in actors:
        give(actor)
    while running:
        (reference,), _ = ray.wait(list(running), num_returns=1)
        number, actor = running.pop(reference)
        receipt, usage = result(ray, reference, number)
        give(actor)
        yield number, receipt, usage


def result(ray: Any, reference: Any, number: int) -> tuple[Receipt, Usage]:
    """What a worker returns; raises its UserError, or one where its workers were lost again and again."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise UserError(str(error.cause)) from None
        raise
    except ray.exceptions.RayActorError as error:
        lost = f"shard {number} was given to {TRIES + 1} workers, and all were lost"
        raise UserError(f"{lost}: {error}; is there enough memory? Run it without --ray to see why") from None
