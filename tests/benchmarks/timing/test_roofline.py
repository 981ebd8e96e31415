import time

from benchmarks.timing.roofline import copy_bandwidth


def test_a_copy_has_a_bandwidth():
    assert copy_bandwidth("cpu", time.perf_counter, 2**20) > 1e8
