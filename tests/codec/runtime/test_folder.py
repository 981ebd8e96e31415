"""Codec folders without torch: what is missing or does not belong together is said, and torch is not imported."""

import json
import shutil
import subprocess
import sys

import pytest

import codec.runtime

WITHOUT_TORCH = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "onnx", "safetensors"):
            raise ImportError(f"{name} is not here")
sys.meta_path.insert(0, Refuse())
import numpy as np
import codec.runtime
light = codec.runtime.load(sys.argv[1])
print(light.decode(np.zeros((1, 8, 20), np.int64)).shape, light.encode(np.zeros((1, 1, 9999), np.float32))[0].shape)
"""


@pytest.fixture
def folder(exported, tmp_path):
    """A copy that a test may break."""
    return shutil.copytree(exported, tmp_path / "codec")


def test_nothing_needs_torch(exported):
    command = [sys.executable, "-c", WITHOUT_TORCH, str(exported)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == "(1, 1, 20480) (1, 8, 10)\n", result.stderr


def test_other_weights_are_refused(folder):
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(ValueError, match="belong to other weights"):
        codec.runtime.load(folder)


def test_another_sharpness_than_that_of_the_graphs_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocoder_sharpness": 0.25}))
    with pytest.raises(ValueError, match=r"made for vocoder_sharpness=0.5, config.json has 0.25; run lfsc-tts export"):
        codec.runtime.load(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "decode-float32.onnx"])
def test_what_is_missing_is_said(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        codec.runtime.load(folder, "float32")


def test_without_int8_float32_is_taken(folder):
    (folder / "decode-int8.onnx").unlink()
    assert codec.runtime.load(folder, "int8").name == "lite-21.5fps"


@pytest.mark.parametrize("content", [b"", b"no graph"])
def test_a_broken_graph_is_named(folder, content, monkeypatch):
    monkeypatch.setattr("codec.runtime.folder.adds_8_bits_exactly", lambda: True)
    (folder / "decode-int8.onnx").write_bytes(content)
    with pytest.raises(ValueError, match="decode-int8.onnx does not load"):
        codec.runtime.load(folder)


def test_a_precision_that_is_none(exported):
    with pytest.raises(ValueError, match="got precision 'bfloat16'; without torch expected one of int8, float32"):
        codec.runtime.load(exported, "bfloat16")
