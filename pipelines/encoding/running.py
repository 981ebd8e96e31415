"""All shards of a plan, here or elsewhere: which are done, which are to be made, and what became of them."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import track

from pipelines.corpus.derived import Tally
from pipelines.corpus.parts import parse_part
from pipelines.corpus.rejects import report
from pipelines.encoding.plan import Plan, open_plan
from pipelines.encoding.receipts import Receipt, done, sums_of
from pipelines.encoding.tasks import Job, Usage, Worker, task_hash
from pipelines.formats.registry import PATTERNS, check, name_of
from pipelines.shared.atomic import write_atomically
from pipelines.shared.errors import UserError

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


def survey(plan: Plan, out: Path, format: str, thorough: bool = False) -> dict[int, Receipt]:
    """Receipts of the shards that are done, by their numbers."""
    found = {}
    for number, one in enumerate(plan.shards):
        receipt = done(out, one.name, task_hash(plan.task(number), format), thorough)
        if receipt:
            found[number] = receipt
    return found


def refuse_strangers(plan: Plan, out: Path) -> None:
    """Raise UserError where a folder has shards that the plan does not know, made by a plan or without one."""
    known = {one.name for one in plan.shards}
    found = {path: path.stem for path in out.glob("*.sha256")}
    found |= {path: name_of(format, path) for format, pattern in PATTERNS.items() for path in out.glob(pattern)}
    strangers = sorted(path.name for path, name in found.items() if name not in known and path.name[0] != ".")
    if strangers:
        raise UserError(f"{out} has shards that are not of {plan.folder} ({strangers[0]} ...); use another --out")


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
    plan = open_plan(job.plan)
    job.out.mkdir(parents=True, exist_ok=True)
    refuse_strangers(plan, job.out)
    receipts = survey(plan, job.out, job.format, thorough)
    index, count = parse_part(part)
    todo = [number for number in range(index - 1, len(plan.shards), count) if number not in receipts]
    print(f"{job.plan}: {len(receipts):,} of {len(plan.shards):,} shards are done, {len(todo):,} to be made")
    tally = Tally(plan.utterances + plan.rejected, most, job.out / "rejects.jsonl")
    begin, usage = time.perf_counter(), Usage()
    results = runner(job, todo) if todo else iter(())
    for number, receipt, used in track(results, f"encoding with codec {plan.settings.codec}", total=len(todo)):
        receipts[number], usage = receipt, usage + used
        tally.add(receipt.rejects)
    outcome = Outcome(len(todo), usage, time.perf_counter() - begin)
    receipts |= survey(plan, job.out, job.format)  # of other parts too, made meanwhile
    conclude(plan, job.out, receipts, most, outcome)
    return outcome


def conclude(plan: Plan, out: Path, receipts: dict[int, Receipt], most: float, outcome: Outcome) -> None:
    """List rejects and checksums of all shards, and say how it went."""
    ordered = [receipts[number] for number in sorted(receipts)]
    rejects = [one for receipt in ordered for one in receipt.rejects]
    report(out / "rejects.jsonl", rejects, sum(one.utterances for one in ordered) + len(rejects), most)
    if outcome.shards:
        write_atomically(out / "report.json", json.dumps(outcome.figures(), indent=1) + "\n")
    if len(ordered) == len(plan.shards):
        write_atomically(out / "SHA256SUMS", "".join(f"{sha}  {name}\n" for name, sha in sums_of(ordered).items()))
    hours, figures = sum(one.audio_s for one in ordered) / 3600, outcome.figures()
    print(f"{out}: {hours:.2f} h in {len(ordered):,} shards of {len(plan.shards):,}")
    if outcome.shards:
        print(
            f"{figures['audio_h']:.2f} h encoded at {figures['times_real_time']:g} times real time; "
            f"waited for audio {figures['waiting_for_audio']:.1%} of the time; "
            f"read {figures['read_bytes_per_s'] / 1e6:.2f} MB a second"
        )
