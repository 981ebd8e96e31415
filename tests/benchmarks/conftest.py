import pytest

from benchmarks.speakers import subject

MODEL = "model: {dim: 32, num_layers: 2, num_heads: 2, mlp_dim: 48, reader_layer: 1}\n"


@pytest.fixture
def tiny_config(tmp_path):
    """A configuration of a speech LM that is fast untrained."""
    path = tmp_path / "tiny.yaml"
    path.write_text(MODEL, "utf-8")
    return path


@pytest.fixture
def quick_texts(monkeypatch):
    """Untrained models speak for a fraction of a second."""
    monkeypatch.setattr(subject, "UNTRAINED_S", {"short": 0.2, "medium": 0.4, "long": 0.6})
