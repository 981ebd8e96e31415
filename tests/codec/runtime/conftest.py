"""An exported codec of the shipped shape, whose weights say something, and what torch makes of the same."""

import shutil
from pathlib import Path

import pytest

import codec
from codec.export.export import export_onnx

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """The shipped codec with its graphs; read only."""
    folder = tmp_path_factory.mktemp("exported") / "codec"
    shutil.copytree(ROOT / "voices/heart/codec", folder)
    export_onnx(codec.load(folder), folder)
    return folder


@pytest.fixture(scope="session")
def reference(exported):
    """The codec in torch."""
    return codec.load(exported)
