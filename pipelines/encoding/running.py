"""All shards of a plan, here or elsewhere: which are done, which are to be made, and what became of them."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from rich.progress import track

from pipelines.corpus.derived import Tally
from pipelines.corpus.parts import parse_part
from pipelines.corpus.rejects import Reject, lines_of, tell
from pipelines.encoding.plan import Plan, open_plan
from pipelines.encoding.receipts import Receipt, receipt_of, sums_of
from pipelines.encoding.stores import Store, store_of
from pipelines.encoding.tasks import Job, Usage, Worker, task_hash
from pipelines.formats.registry import check, shard_of, writer_of
from pipelines.shared.errors import UserError

REJECTS = "rejects.jsonl"
# Makes the shards of some numbers and gives what became of each, in any order.
Runner = Callable[[Job, Sequence[int]], Iterator[tuple[int, Receipt, Usage]]]


@dataclass(frozen=True)
class Outcome:
    """What a run has done."""

    shards: int
    usage: Usage
    wall_s: float

    def figures(self) -> dict[str, float]:
        """For people and for a file."""
        busy_s, wall_s = max(self.usage.seconds, 1e-9), max(self.wall_s, 1e-9)
        return {
            "shards": self.shards,
            "audio_h": round(self.usage.audio_s / 3600, 4),
            "wall_s": round(self.wall_s, 2),
            "times_real_time": round(self.usage.audio_s / wall_s, 2),
            "waiting_for_audio": round(self.usage.waited_s / busy_s, 4),
            "read_bytes_per_s": round(self.usage.read_bytes / wall_s),
        }


def here(job: Job, numbers: Sequence[int]) -> Iterator[tuple[int, Receipt, Usage]]:
    """The Runner that is this process."""
    worker = Worker(job)
    for number in numbers:
        yield (number, *worker.encode(number))


def survey(plan: Plan, store: Store, layout: str, thorough: bool = False) -> dict[int, Receipt]:
    """Receipts of the shards that are done, by their numbers."""
    tasks = {one.name: task_hash(plan.task(number), layout) for number, one in enumerate(plan.shards)}
    found = store.done(tasks, thorough)
    return {number: found[one.name] for number, one in enumerate(plan.shards) if one.name in found}


def refuse_strangers(plan: Plan, store: Store) -> None:
    """Raise UserError where a store has shards that the plan does not know, made by a plan or without one."""
    known = {None, *(one.name for one in plan.shards)}
    files = map(PurePosixPath, store.names())
    strangers = [file.name for file in files if (receipt_of(file) or shard_of(file)) not in known]
    if strangers:
        raise UserError(
            f"{store.place} has shards that are not of {plan.folder} ({min(strangers)} ...); use another --out"
        )


def list_rejects(store: Store, total: int, most: float, rejects: Sequence[Reject]) -> None:
    """`report` in a store."""
    if rejects:
        store.write(REJECTS, lines_of(rejects))
    else:
        store.remove(REJECTS)
    tell(rejects, total, most, f"{store.place.rstrip('/')}/{REJECTS}")


def run(job: Job, most: float, part: str = "1/1", runner: Runner = here, thorough: bool = False) -> Outcome:
    """Make every shard of a plan that is not done yet.

    Args:
        job: what to do.
        most: share of utterances that may be rejected.
        part: `i/n`, every n-th shard from the i-th on.
        runner: who does it.
        thorough: read all that is done to see that it still is what was written.

    Raises:
        UserError: too many rejects, a plan that is not for this codec, shards of another plan or format.
    """
    check(job.format)
    writer_of(job.format, job.context)
    plan, store = open_plan(job.plan), store_of(job.out)
    refuse_strangers(plan, store)
    receipts = survey(plan, store, job.layout, thorough)
    index, count = parse_part(part)
    todo = [number for number in range(index - 1, len(plan.shards), count) if number not in receipts]
    print(f"{job.plan}: {len(receipts):,} of {len(plan.shards):,} shards are done, {len(todo):,} to be made")
    total = plan.utterances + plan.rejected
    tally = Tally(total, most, partial(list_rejects, store, total, most))
    begin, usage = time.perf_counter(), Usage()
    results = runner(job, todo) if todo else iter(())
    for number, receipt, used in track(results, f"encoding with codec {plan.settings.codec}", total=len(todo)):
        receipts[number], usage = receipt, usage + used
        tally.add(receipt.rejects)
    outcome = Outcome(len(todo), usage, time.perf_counter() - begin)
    receipts |= survey(plan, store, job.layout)  # of other parts too, made meanwhile
    conclude(plan, store, receipts, most, outcome)
    return outcome


def conclude(plan: Plan, store: Store, receipts: dict[int, Receipt], most: float, outcome: Outcome) -> None:
    """List rejects and checksums of all shards, and say how it went."""
    ordered = [receipts[number] for number in sorted(receipts)]
    rejects = [one for receipt in ordered for one in receipt.rejects]
    list_rejects(store, sum(one.utterances for one in ordered) + len(rejects), most, rejects)
    if outcome.shards:
        store.write("report.json", json.dumps(outcome.figures(), indent=1) + "\n")
    if len(ordered) == len(plan.shards):
        store.write("SHA256SUMS", "".join(f"{sha}  {name}\n" for name, sha in sums_of(ordered).items()))
    hours, figures = sum(one.audio_s for one in ordered) / 3600, outcome.figures()
    print(f"{store.place}: {hours:.2f} h in {len(ordered):,} shards of {len(plan.shards):,}")
    if outcome.shards:
        print(
            f"{figures['audio_h']:.2f} h encoded at {figures['times_real_time']:g} times real time; "
            f"waited for audio {figures['waiting_for_audio']:.1%} of the time; "
            f"read {figures['read_bytes_per_s'] / 1e6:.2f} MB a second"
        )
