"""Where 90 % scaling ends: shards dealt to workers, or steps of training in which all wait for the slowest, simulated.

    python benchmarks/scale_sim.py shards --count 20000 --mean-s 120 --mtbf-h 2000
    python benchmarks/scale_sim.py steps --mean-s 1 --gradient-mb 1440 --bandwidth-gb-s 50 --mtbf-h 50000

Times are given by their mean and spread (log-normal), or measured: --times FILE with one number of seconds a line.
Some take longer because a machine is slow for the time being (--stragglers, --slowdown), and machines fail (--mtbf-h,
exponential). Efficiency is the time that the work would take without any of that, divided among the workers, over the
time that it takes.
"""

import argparse
import heapq
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402

ENOUGH = 0.9  # efficiency up to which more workers are said to scale
SIMULATED_STEPS = 2000
HOPELESS = 0.01  # efficiency below which 0 is said: work that hardly ever gets done is not simulated to its end
ABOVE_ZERO = ("mean_s", "slowdown", "most", "count", "bandwidth_gb_s", "checkpoint_s", "hours")  # the others 0 or more


@dataclass(frozen=True)
class Machines:
    """What workers are like.

    Args:
        times_s: of shards or steps, one is drawn for each; without stragglers.
        stragglers: share of them that a slow machine does.
        slowdown: how many times longer it takes.
        mtbf_h: mean time between failures of one worker; 0 = none ever fails.
        restart_s: until a worker, or all of a training, works again after a failure.
    """

    times_s: np.ndarray
    stragglers: float = 0.001
    slowdown: float = 2.0
    mtbf_h: float = 0.0
    restart_s: float = 300.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Times, some of them of stragglers."""
        slow = rng.random(shape) < self.stragglers
        return rng.choice(self.times_s, shape) * np.where(slow, self.slowdown, 1.0)

    def fails_after_s(self, rng: np.random.Generator) -> float:
        """Seconds of work of one worker until its next failure."""
        return float(rng.exponential(self.mtbf_h * 3600)) if self.mtbf_h else float("inf")


@dataclass(frozen=True)
class Training:
    """What a step of training costs beside computing.

    Args:
        gradient_mb: megabytes that are summed over all workers in each step.
        bandwidth_gb_s: gigabytes a second that a worker sends while it receives as many.
        latency_s: of each doubling of the number of workers.
        checkpoint_s: that all wait for a checkpoint.
        every_s: seconds between checkpoints; 0 = the best for the number of workers (Young 1974).
        hours: of computing by one worker that the training needs; its shares of a step take as long on any number.
    """

    gradient_mb: float
    bandwidth_gb_s: float
    latency_s: float = 20e-6
    checkpoint_s: float = 10.0
    every_s: float = 0.0
    hours: float = 250.0

    def exchange_s(self, workers: int) -> float:
        """Seconds of summing gradients around a ring (two passes), none of it hidden behind computing."""
        passes = 2 * (workers - 1) / workers
        return passes * self.gradient_mb / 1e3 / self.bandwidth_gb_s + self.latency_s * float(np.log2(workers))


def run_shards(machines: Machines, count: int, workers: int, seed: int) -> float:
    """Efficiency of so many workers who take shards from one list; a shard whose worker fails is done again."""
    rng = np.random.default_rng((seed, workers))
    free = [(0.0, worker) for worker in range(workers)]
    fails = [machines.fails_after_s(rng) for _ in range(workers)]  # at this time of day of the worker
    end, times_s = 0.0, machines.draw(rng, (count,))
    useful_s = count * float(machines.times_s.mean()) / workers
    for time_s in times_s:
        while True:
            now, worker = heapq.heappop(free)
            if now > (useful_s + times_s.max()) / HOPELESS:
                return 0.0
            if now + time_s <= fails[worker]:
                break
            again = fails[worker] + machines.restart_s
            fails[worker] = again + machines.fails_after_s(rng)
            heapq.heappush(free, (again, worker))
        heapq.heappush(free, (now + time_s, worker))
        end = max(end, now + time_s)
    return useful_s / end


def run_steps(machines: Machines, training: Training, workers: int, seed: int) -> tuple[float, float]:
    """Efficiency of a training of so many workers, and the hours it loses to failures.

    Every step waits for its slowest worker, then exchanges gradients. A failure of any worker throws all back to the
    last checkpoint.
    """
    rng = np.random.default_rng((seed, workers))
    step_s = float(machines.draw(rng, (SIMULATED_STEPS, workers)).max(axis=1).mean()) + training.exchange_s(workers)
    useful_s = training.hours * 3600 / workers
    work_s = useful_s * step_s / float(machines.times_s.mean())
    mtbf_s = machines.mtbf_h * 3600 / workers if machines.mtbf_h else float("inf")
    every_s = training.every_s or float(np.sqrt(2 * training.checkpoint_s * mtbf_s))
    done_s = clock_s = lost_s = 0.0
    fails_s = float(rng.exponential(mtbf_s)) if machines.mtbf_h else float("inf")
    while done_s < work_s:
        part_s = min(every_s, work_s - done_s)
        needed_s = part_s + training.checkpoint_s
        if clock_s + needed_s <= fails_s:
            clock_s, done_s = clock_s + needed_s, done_s + part_s
            continue
        if clock_s > useful_s / HOPELESS:
            return 0.0, lost_s / 3600
        lost_s += fails_s - clock_s + machines.restart_s
        clock_s = fails_s + machines.restart_s
        fails_s = clock_s + float(rng.exponential(mtbf_s))
    return useful_s / clock_s, lost_s / 3600


def end_of_scaling(efficiencies: dict[int, float]) -> int:
    """The largest number of workers up to which each number tried is efficient enough; 0 = none is."""
    last = 0
    for workers, efficiency in sorted(efficiencies.items()):
        if efficiency < ENOUGH:
            break
        last = workers
    return last


def times_of(args: argparse.Namespace) -> np.ndarray:
    """Measured times, or log-normal ones of the given mean and spread, in seconds."""
    if args.times is None:
        sigma = float(np.sqrt(np.log(1 + args.spread**2)))
        drawn = np.random.default_rng(args.seed).lognormal(-(sigma**2) / 2, sigma, 10_000)
        return args.mean_s * drawn / drawn.mean()
    try:
        times = np.asarray([float(line) for line in args.times.read_text("utf-8").split()])
    except ValueError as error:
        raise UserError(f"{args.times}: {error}; expected one number of seconds a line") from None
    if not len(times) or not (np.isfinite(times) & (times > 0)).all():
        raise UserError(f"{args.times} has {len(times)} numbers; expected one or more, all above 0")
    return times


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    for name, what in (("shards", "independent work, such as encoding a corpus"), ("steps", "training")):
        kind = kinds.add_parser(name, help=what)
        kind.add_argument("--mean-s", type=float, default=60.0 if name == "shards" else 0.5, help="of a shard or step")
        spread = 0.2 if name == "shards" else 0.02  # batches of a token budget are nearly alike
        kind.add_argument("--spread", type=float, default=spread, help="standard deviation, as a share of the mean")
        kind.add_argument("--times", type=Path, help="measured, in place of --mean-s and --spread")
        kind.add_argument("--stragglers", type=float, default=0.001, help="share that a slow machine does")
        kind.add_argument("--slowdown", type=float, default=2.0, help="how many times longer it takes")
        kind.add_argument("--mtbf-h", type=float, default=0.0, help="hours between failures of a worker; 0 = none")
        kind.add_argument("--restart-s", type=float, default=300.0, help="seconds until work goes on after one")
        kind.add_argument("--most", type=int, default=1024, help="workers; powers of two up to it are tried")
        kind.add_argument("--seed", type=int, default=0)
        kind.add_argument("--out", type=Path, default=RESULTS / f"scale-{name}", help="OUT.json and OUT.md")
        if name == "shards":
            kind.add_argument("--count", type=int, default=10_000, help="shards")
        else:
            kind.add_argument("--gradient-mb", type=float, required=True, help="4 for a million parameters")
            kind.add_argument("--bandwidth-gb-s", type=float, required=True, help="of the slowest link, per worker")
            kind.add_argument("--checkpoint-s", type=float, default=10.0, help="that all wait for one")
            kind.add_argument("--every-s", type=float, default=0.0, help="between checkpoints; 0 = the best")
            kind.add_argument("--hours", type=float, default=250.0, help="of one worker, for the whole training")
    return parser.parse_args(argv)


def check(args: argparse.Namespace) -> None:
    """Refuse numbers of which nothing can be simulated."""
    for name, value in vars(args).items():
        if not isinstance(value, int | float):
            continue
        least = "more than 0" if name in ABOVE_ZERO else "0 to 1" if name == "stragglers" else "0 or more"
        if not (0 <= value < float("inf")) or (name in ABOVE_ZERO and not value) or (least == "0 to 1" and value > 1):
            raise UserError(f"got --{name.replace('_', '-')} {value}; expected {least}")


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    check(args)
    machines = Machines(times_of(args), args.stragglers, args.slowdown, args.mtbf_h, args.restart_s)
    counts = [2**power for power in range(args.most.bit_length()) if 2**power <= args.most]
    lost_h: dict[int, float] = {}
    if args.kind == "shards":
        found = {workers: run_shards(machines, args.count, workers, args.seed) for workers in counts}
    else:
        training = Training(args.gradient_mb, args.bandwidth_gb_s, checkpoint_s=args.checkpoint_s,
                            every_s=args.every_s, hours=args.hours)  # fmt: skip
        both = {workers: run_steps(machines, training, workers, args.seed) for workers in counts}
        found, lost_h = ({workers: pair[i] for workers, pair in both.items()} for i in (0, 1))
    head = ["workers", "efficiency", *(["hours lost to failures"] if lost_h else [])]
    rows = [[w, f"{e:.3f}", *([f"{lost_h[w]:.2f}"] if lost_h else [])] for w, e in found.items()]
    last = end_of_scaling(found)
    said = f"{ENOUGH:.0%} scaling ends at {last} workers" if last < counts[-1] else f"{ENOUGH:.0%} or more at all tried"
    text = f"{markdown_table(head, rows)}\n{said}.\n"
    given = {**asdict(machines), "times_s": {"mean": machines.times_s.mean(), "count": len(machines.times_s)}}
    command = command_line("scale_sim.py", argv)
    write_results(args.out, {"command": command, "machines": given, "efficiency": found, "end": last}, text)
    print(f"{text}{args.out}.json, .md")


if __name__ == "__main__":
    guard(main)
