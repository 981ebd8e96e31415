"""A corpus to plan and encode."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def s3(monkeypatch) -> Iterator[Any]:
    """The file system of a server of S3 on this machine, empty."""
    fsspec = pytest.importorskip("fsspec", reason="comes with torch")
    pytest.importorskip("s3fs", reason="needs lfsc-tts[cloud]")
    server = pytest.importorskip("moto.server", reason="a server of S3 for tests").ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # of other tests' servers
    yield fsspec.filesystem("s3")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    server.stop()
