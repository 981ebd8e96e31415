"""What the processor does to products of 8-bit numbers."""

import platform
from functools import cache
from pathlib import Path

X86 = "x86_64", "amd64"
CPUINFO = Path("/proc/cpuinfo")


@cache
def adds_8_bits_exactly() -> bool:
    """Whether ONNX Runtime's sums of 8-bit products are right here.

    On x86 processors without VNNI it adds them in pairs in 16 bits, which overflow: of the codec of `heart` on a Zen 3,
    harmonics are 4 decibels and pitches 6 cents off, and float32 takes less time. Where nothing says what the processor
    has, it is taken as able.
    """
    if platform.machine().lower() not in X86:
        return True
    try:
        return "vnni" in CPUINFO.read_text("utf-8", "replace")  # avx512_vnni, avx_vnni
    except OSError:
        return True
