"""How the processes of a training deal its items among themselves."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler

from pipelines.shared.errors import UserError
from pipelines.training.signals import leave_signals
from speechllm.training.plan import deal, rounds


def processes(given: dict[str, Any]) -> int:
    """How many processes train together, as far as the configuration says.

    Raises:
        UserError: a number of devices, or of machines, that is none.
    """
    devices, nodes = given.get("devices", 1), given.get("num_nodes", 1)
    if isinstance(devices, list | tuple):
        devices = len(devices)
    if isinstance(devices, str) and devices.lstrip("-").isdigit():
        devices = int(devices)
    if devices in ("auto", -1):
        on_gpu = str(given.get("accelerator", "auto")) != "cpu" and torch.cuda.is_available()
        devices = torch.cuda.device_count() if on_gpu else 1
    for name, count, more in (("devices", devices, ", -1 for all, or a list"), ("num_nodes", nodes, "")):
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise UserError(f"got --trainer.{name}={given[name]!r}; expected a number from 1 on{more}")
    return int(devices * nodes)


def per_step(config: Any) -> int:
    """Segments of a process in a step of a codec's training, by `batch_size` and `batches_per_step`."""
    return int(config.batch_size * config.batches_per_step)


def place() -> tuple[int, int]:
    """This process's number, and how many there are; known once training has begun."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


class InTurn(Sampler[int]):
    """Items dealt to the processes in turn; Lightning's own sampler would shuffle them."""

    def __init__(self, size: int):
        self.size = size

    def __iter__(self) -> Iterator[int]:
        rank, count = place()
        return iter(range(rank, self.size, count))

    def __len__(self) -> int:
        return self.size // place()[1]


class ByStep(Sampler[int]):
    """Items of each step dealt to the processes, `per_step` of them whatever the number of processes.

    A process that has none left in a step gets one that is not counted, as ~n; see speechllm/training/plan.py.
    """

    def __init__(self, size: int, per_step: int):
        self.steps, self.per_step = size // per_step, per_step

    def __iter__(self) -> Iterator[int]:
        return deal(self.steps, self.per_step, *place())

    def __len__(self) -> int:
        return self.steps * rounds(self.per_step, place()[1])


def loader(dataset: Any, batch_size: int | None, workers: int = 0, per_step: int = 0) -> DataLoader:
    """Batches of a dataset, in its order; n processes with batches of B see what one with a batch of n B does.

    Args:
        dataset: of examples, or of whole batches.
        batch_size: examples of a batch; None = items are batches.
        workers: processes that read.
        per_step: items of a step, whatever the number of processes; 0 = a batch for each process.
    """
    options: dict[str, Any] = dict(num_workers=workers, worker_init_fn=leave_signals)
    sampler = ByStep(len(dataset), per_step) if per_step else InTurn(len(dataset))
    return DataLoader(dataset, batch_size=batch_size, sampler=sampler, **options)


def names_of(training: DataLoader, step: int, size: int) -> list[str]:
    """The utterances of a step of this part of a run, of all processes together; `size` items."""
    dataset: Any = training.dataset
    return sorted({name for index in range(step * size, (step + 1) * size) for name in dataset.names_of(index)})
