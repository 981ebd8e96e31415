"""A corpus to plan and encode."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("hibari", reason="the phoneme alphabet is hibari's")
import toys
from pipelines import encode_corpus


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A corpus of ten utterances, a codec and a tokenizer; to be copied."""
    return toys.write_inputs(tmp_path_factory.mktemp("made"), 10, 1.2)


@pytest.fixture
def root(made, tmp_path) -> Path:
    return shutil.copytree(made, tmp_path / "root")


@pytest.fixture
def encode(root, monkeypatch) -> Callable[..., None]:
    """Run the script with a plan of shards of four."""
    settings = encode_corpus.Settings
    monkeypatch.setattr(encode_corpus, "Settings", lambda *values: settings(*values, shard_size=4))

    def run(*flags: object, out: str = "codes") -> None:
        paths = ["--plan", root / "plan", "--codec", root / "codec", "--tokenizer", root / "tokenizer.model"]
        paths += ["--manifest", root / "corpus/manifest.jsonl"]
        encode_corpus.main([*map(str, [*paths, "--out", root / out, *flags])])

    return run
