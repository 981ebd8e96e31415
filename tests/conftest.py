"""Fixtures that every test may ask for; what they are made of is in tests/toys.py."""

import os
from pathlib import Path

import pytest
import torch

import toys

# In-process scripts and subprocesses share two cores with whatever else runs. Torch has read its environment by now.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _fixed_seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def toy_codec():
    """Do not change its weights; `toys.toy_codec()` makes one that may be changed."""
    return toys.toy_codec()


@pytest.fixture(scope="session")
def shared_voice(tmp_path_factory) -> Path:
    """A complete voice folder of random weights, made once; read only."""
    pytest.importorskip("hibari", reason="speaking needs hibari-tts")
    return toys.write_voice(tmp_path_factory.mktemp("voices") / "toy")


@pytest.fixture(scope="session")
def exported_voice(tmp_path_factory) -> Path:
    """The same with its graphs, so that it speaks without torch; read only."""
    pytest.importorskip("hibari", reason="speaking needs hibari-tts")
    pytest.importorskip("onnx", reason="exporting needs onnx")
    return toys.write_voice(tmp_path_factory.mktemp("voices") / "toy", exported=True)


@pytest.fixture(scope="module")
def heart():
    """The shipped voice, ready to speak."""
    pytest.importorskip("hibari", reason="speaking needs hibari-tts")
    from pipelines.shared.resources import VOICES
    from pipelines.speaking.synthesis import TTS

    if not (VOICES / "heart" / "voice.yaml").is_file():
        pytest.skip("voices/heart is not in this checkout")
    return TTS.from_pretrained("heart")


@pytest.fixture
def toy_voice(shared_voice, tmp_path) -> Path:
    """A copy of the complete voice folder that a test may break."""
    return toys.copy_voice(shared_voice, tmp_path / "toy")
