"""Where 8-bit products are added wrong, a codec decodes in float32."""

import numpy as np
import pytest

import codec.runtime
import toys
from codec.runtime import folder, processor
from codec.runtime.processor import adds_8_bits_exactly


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Ask about a processor of some flags."""

    def has(name: str, flags: str | None) -> bool:
        path = tmp_path / "cpuinfo"
        path.unlink(missing_ok=True)
        if flags is not None:
            path.write_text(f"processor\t: 0\nflags\t\t: fpu sse2 {flags}\n")
        monkeypatch.setattr(processor, "CPUINFO", path)
        monkeypatch.setattr("platform.machine", lambda: name)
        return adds_8_bits_exactly.__wrapped__()

    return has


def test_x86_without_vnni_adds_them_wrong(machine):
    assert not machine("x86_64", "avx2")
    assert not machine("AMD64", "avx2 avx512f avx512bw")
    assert machine("x86_64", "avx2 avx_vnni")
    assert machine("x86_64", "avx512f avx512_vnni")
    assert machine("x86_64", None), "nobody says"
    assert machine("aarch64", "asimddp")


@pytest.mark.parametrize("exactly", [True, False])
def test_a_codec_is_decoded_in_float32_there(exported, monkeypatch, exactly):
    monkeypatch.setattr(folder, "adds_8_bits_exactly", lambda: exactly)
    assert folder.decoder_path(exported, "int8").name == ("decode-int8.onnx" if exactly else "decode-float32.onnx")
    assert folder.decoder_path(exported, "float32").name == "decode-float32.onnx"
    codes = toys.random_codes(1, 9).numpy()
    same = np.array_equal(*(codec.runtime.load(exported, one).decode(codes) for one in ("int8", "float32")))
    assert same is not exactly
