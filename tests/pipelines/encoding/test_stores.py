"""Shards put by URL: those of a folder, byte by byte; what is done is what has a receipt and the sizes it lists."""

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="comes with torch")
from fsspec.core import url_to_fs
from fsspec.implementations.memory import MemoryFileSystem

from encoded import files, rejects
from pipelines import encode_corpus
from pipelines.encoding import tasks
from pipelines.encoding.stores import Remote, store_of
from pipelines.shared.errors import UserError
from sources import ROOT


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}/codes"


@pytest.fixture
def put(root, encode, monkeypatch):
    """Encode to a URL; returns the numbers of shards that were made."""
    real = tasks.Worker.encode

    def run(url: str, *more: object) -> list[int]:
        made: list[int] = []
        with monkeypatch.context() as patch:
            patch.setattr(tasks.Worker, "encode", lambda self, number: made.append(number) or real(self, number))
            encode("--out", url, *more)
        return made

    return run


def download(url: str, folder: Path) -> Path:
    """All that is at a URL, in a folder."""
    system, root = url_to_fs(url, use_listings_cache=False)
    for path in system.find(root):
        target = folder / path[len(root) + 1 :]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(system.cat_file(path))
    return folder


def change(url: str, name: str, content: bytes) -> bytes:
    """Put other content in a file's place; returns what it was."""
    system, root = url_to_fs(url, use_listings_cache=False)
    before = system.cat_file(f"{root}/{name}")
    system.pipe_file(f"{root}/{name}", content)
    return before


@pytest.mark.parametrize("format", ["safetensors", "nemo"])
def test_the_shards_are_those_of_a_folder(root, encode, put, url, tmp_path, format):
    if format == "nemo":
        pytest.importorskip("lhotse", reason="needs lfsc-tts[formats]")
    (root / "corpus/wavs/003.wav").unlink()
    encode("--format", format, out="here")
    assert put(url, "--format", format) == [0, 1, 2]
    there = download(url, tmp_path / "there")
    assert files(there) == files(root / "here") and "SHA256SUMS" in files(there)
    assert rejects(there) == {"003": "wavs/003.wav is not a file"}
    assert json.loads((there / "report.json").read_text())["shards"] == 3
    command = ["sha256sum", "-c", "--strict", "SHA256SUMS", *(path.name for path in there.glob("*.sha256"))]
    assert subprocess.run(command, cwd=there, capture_output=True, check=False).returncode == 0
    assert put(url, "--format", format) == []
    if format == "safetensors":  # copied to a disk, they are done there, too
        assert put(str(there)) == []


def test_a_rerun_reads_checksums_alone(put, url, monkeypatch):
    put(url)
    read: list[str] = []

    def watched(real):
        return lambda self, path, *args, **options: (read.append(path), real(self, path, *args, **options))[1]

    for name in ("open", "cat_file"):
        monkeypatch.setattr(MemoryFileSystem, name, watched(getattr(MemoryFileSystem, name)))
    assert put(url) == []
    found = {path.rpartition("/")[2] for path in read} - {"report.json", "SHA256SUMS"}  # written
    assert found == {f"{number:08d}.sha256" for number in (0, 4, 8)}
    assert put(url, "--verify") == [] and any(path.endswith(".safetensors") for path in read)


def test_damaged_shards_are_made_again(put, url):
    put(url)
    content = change(url, "00000004.safetensors", b"cut")
    assert put(url) == [1]
    assert change(url, "00000004.safetensors", content[:-1] + bytes([content[-1] ^ 1])) == content
    assert put(url) == []  # the size is right
    assert put(url, "--verify") == [1]
    assert change(url, "00000004.sha256", b"# {}") and put(url) == [1]
    store_of(url).remove("00000008.safetensors")
    assert put(url) == [2] and change(url, "00000004.safetensors", content) == content


@pytest.mark.parametrize("what", ["00000004.safetensors", "00000004.sha256", "SHA256SUMS"])
def test_an_upload_that_fails_is_one_line_and_the_same_command_goes_on(encode, put, url, root, monkeypatch, what):
    encode()
    real = MemoryFileSystem.pipe_file

    def fail(self, path, value, **options):
        real(self, path, value[: len(value) // 2], **options)
        if path.endswith(what):
            raise RuntimeError("connection reset")
        real(self, path, value, **options)

    def put_file(self, source, path, **options):
        fail(self, path, Path(source).read_bytes())

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "put_file", put_file)
        patch.setattr(MemoryFileSystem, "pipe_file", fail)
        with pytest.raises(UserError, match=rf"{what} cannot be written \(connection reset\); when it can, the same"):
            put(url)
    assert put(url) == ([] if what == "SHA256SUMS" else [1, 2])
    store = Remote(url)
    assert store.files.read(["SHA256SUMS"]) == [(root / "codes/SHA256SUMS").read_bytes()]


def test_an_upload_that_arrives_in_part_is_noticed_at_once(put, url, monkeypatch):
    real = MemoryFileSystem.put_file

    def put_file(self, source, path, **options):
        real(self, source, path, **options)
        self.pipe_file(path, self.cat_file(path)[:-5])

    monkeypatch.setattr(MemoryFileSystem, "put_file", put_file)
    with pytest.raises(UserError, match=r"00000000.safetensors cannot be written \(\d+ of \d+ bytes have arrived"):
        put(url)
    assert not Remote(url).done({"00000000": ""})


def test_too_many_rejects_are_listed(put, url, root, tmp_path):
    for number in range(5):
        (root / f"corpus/wavs/{number:03d}.wav").unlink()
    with pytest.raises(UserError, match=f"of 10 utterances cannot be used, .* all are in {url}/rejects.jsonl"):
        put(url)
    assert len(rejects(download(url, tmp_path / "there"))) >= 3


def test_shards_of_something_else_are_not_lost(put, url):
    put(url)
    with pytest.raises(UserError, match=f"{url}/00000000.sha256 is of another plan, codec, tokenizer or format"):
        put(url, "--format", "webdataset")
    store_of(url).write("00000099.safetensors", "x")
    with pytest.raises(UserError, match=r"has shards that are not of .*00000099.safetensors"):
        put(url)


def test_mistakes_are_named(root, put, encode):
    with pytest.raises(UserError, match=r"nonsense://a cannot be written \(Protocol not known: nonsense\)"):
        store_of("nonsense://a")
    with pytest.raises(UserError, match="got --plan s3://bucket/plan; expected a folder"):
        encode("--plan", "s3://bucket/plan")
    paths = ["--codec", root / "codec", "--tokenizer", root / "tokenizer.model"]
    paths += ["--manifest", root / "corpus/manifest.jsonl"]
    with pytest.raises(UserError, match="got --out memory://codes without --plan"):
        encode_corpus.main([*map(str, [*paths, "--out", "memory://codes"])])


def command(root: Path, url: str) -> list[str]:
    paths = ["--plan", root / "plan", "--codec", root / "codec", "--tokenizer", root / "tokenizer.model"]
    return [sys.executable, str(ROOT / "pipelines/encode_corpus.py"), *map(str, paths), "--out", url]


def test_s3_with_a_killed_process(root, encode, put, s3, tmp_path):
    """The process is killed once its first shard is done; the same command makes what is missing, and nothing else."""
    encode()
    s3.mkdir("shards")
    url = "s3://shards/a/codes"
    store = Remote(url)
    with subprocess.Popen(command(root, url), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 120
        while "00000000.sha256" not in store.files.sizes():
            assert process.poll() is None and time.monotonic() < end
        process.kill()
    done = [number for number in range(3) if f"{4 * number:08d}.sha256" in store.files.sizes()]
    assert 0 in done and put(url) == [number for number in range(3) if number not in done]
    assert put(url) == [] == put(url, "--verify")
    s3.get("shards/a/codes/", f"{tmp_path}/there/", recursive=True)  # as docs/scale.md says
    assert files(tmp_path / "there") == files(root / "codes")
    with pytest.raises(UserError, match="s3://nobodys/codes cannot be written .*make the bucket, or mend the URL"):
        put("s3://nobodys/codes")
