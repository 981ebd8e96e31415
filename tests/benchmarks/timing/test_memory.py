import numpy as np

from benchmarks.timing.memory import peak_mib


def test_memory_is_that_of_this_process():
    before, block = peak_mib(), np.ones(2**24)  # 128 MiB
    assert peak_mib() >= max(before, block.nbytes / 2**20)
