"""The simulation of scaling against what can be worked out by hand, and its end."""

import json

import numpy as np
import pytest

from benchmarks import scale_sim
from benchmarks.scale_sim import Machines, Training, end_of_scaling, run_shards, run_steps
from pipelines.shared.errors import UserError

ALIKE = np.full(10, 60.0)
EVEN = Machines(ALIKE, stragglers=0.0)


def training(**changes: float) -> Training:
    values = dict(gradient_mb=0.0, bandwidth_gb_s=1.0, latency_s=0.0, checkpoint_s=0.0, every_s=600.0, hours=100.0)
    return Training(**{**values, **changes})


def test_even_shards_without_failures_are_shared_exactly():
    assert run_shards(EVEN, 64, 8, 0) == pytest.approx(1)
    assert run_shards(EVEN, 65, 8, 0) == pytest.approx(65 / 72), "one worker does a ninth shard, seven wait"
    assert run_shards(EVEN, 10, 100, 0) == pytest.approx(0.1), "there is no more than a shard for each"


def test_failures_cost_what_they_undo_and_the_time_until_work_goes_on():
    often = run_shards(Machines(ALIKE, 0.0, 1.0, mtbf_h=1.0, restart_s=360.0), 20_000, 4, 0)
    # of an hour of work 6 minutes of restart follow, and half a shard is lost
    assert often == pytest.approx(3570 / 3960, abs=0.02)
    assert run_shards(Machines(ALIKE, 0.0, 1.0, mtbf_h=1e6), 1000, 4, 0) == pytest.approx(1, abs=0.01)


def test_a_step_waits_for_its_slowest_worker_and_for_the_exchange():
    half = Machines(ALIKE, stragglers=0.5, slowdown=3.0)
    assert run_steps(half, training(), 64, 0)[0] == pytest.approx(1 / 3, rel=1e-3)
    assert run_steps(half, training(), 1, 0)[0] == pytest.approx(1 / 2, rel=0.05)
    exchange = training(gradient_mb=1000.0, bandwidth_gb_s=0.1)  # 10 s a pass, 2 (W - 1) / W passes
    assert run_steps(EVEN, exchange, 4, 0)[0] == pytest.approx(60 / 75)


def test_checkpoints_and_failures_of_a_training():
    waits = training(checkpoint_s=60.0)
    assert run_steps(EVEN, waits, 1, 0)[0] == pytest.approx(600 / 660)
    failing = Machines(ALIKE, 0.0, 1.0, mtbf_h=100.0, restart_s=300.0)
    efficiency, lost_h = run_steps(failing, training(hours=20_000.0), 10, 0)
    # one failure in 10 hours, which costs half of 10 minutes and 5 of restart
    assert lost_h == pytest.approx(2000 / 10 * 10 / 60, rel=0.2)
    assert efficiency == pytest.approx(2000 / (2000 + lost_h))


def test_the_same_seed_gives_the_same_numbers():
    machines = Machines(np.array([50.0, 60.0, 80.0]), 0.1, 2.0, mtbf_h=5.0)
    assert run_shards(machines, 500, 8, 1) == run_shards(machines, 500, 8, 1) != run_shards(machines, 500, 8, 2)
    assert run_steps(machines, training(), 8, 1) == run_steps(machines, training(), 8, 1)


def test_scaling_ends_where_it_first_falls_short():
    assert end_of_scaling({1: 1.0, 2: 0.95, 4: 0.89, 8: 0.91}) == 2
    assert end_of_scaling({1: 0.5}) == 0


def test_the_command_reads_measured_times_and_writes_what_it_found(tmp_path, capsys):
    times = tmp_path / "times.txt"
    times.write_text("60\n60\n")
    flags = ["--stragglers", "0", "--out", str(tmp_path / "out"), "--times", str(times)]
    scale_sim.main(["shards", "--count", "64", "--most", "128", *flags])
    assert "90% scaling ends at 64 workers" in capsys.readouterr().out
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["end"] == 64 and found["efficiency"]["128"] == pytest.approx(0.5)
    scale_sim.main(["steps", "--gradient-mb", "1", "--bandwidth-gb-s", "10", "--most", "2", *flags])
    assert "90% or more at all tried" in capsys.readouterr().out
    times.write_text("60\n-1\n")
    with pytest.raises(UserError, match="expected one or more, all above 0"):
        scale_sim.main(["shards", *flags])
    times.write_text("a minute\n")
    with pytest.raises(UserError, match="expected one number of seconds a line"):
        scale_sim.main(["shards", *flags])


@pytest.mark.parametrize(
    ("kind", "flag", "value"),
    [
        ("shards", "--most", "0"),
        ("shards", "--count", "0"),
        ("shards", "--mtbf-h", "-1"),
        ("shards", "--stragglers", "1.5"),
        ("steps", "--mean-s", "nan"),
        ("steps", "--checkpoint-s", "0"),
        ("steps", "--bandwidth-gb-s", "0"),
    ],
)
def test_numbers_that_mean_nothing_are_one_line(tmp_path, kind, flag, value):
    link = ["--gradient-mb", "1", "--bandwidth-gb-s", "1"] if kind == "steps" else []
    with pytest.raises(UserError, match=rf"^got {flag} {float(value):g}.*; expected (more than 0|0 or more|0 to 1)$"):
        scale_sim.main([kind, *link, "--out", str(tmp_path / "out"), flag, value])
    assert not list(tmp_path.iterdir())


def test_work_that_fails_sooner_than_it_is_done_ends_all_the_same():
    failing = Machines(ALIKE, 0.0, 1.0, mtbf_h=1e-3)
    assert run_shards(failing, 100, 8, 0) == 0
    assert run_steps(failing, training(checkpoint_s=60.0), 8, 0)[0] == 0
