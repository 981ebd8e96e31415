"""The hub, spoken to as it is: huggingface_hub against a server on this machine that answers as the hub does."""

import hashlib
import logging
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from codec import load
from codec.pretrained.hub import PUBLISHED
from handmade import pack, tiny_parts

constants = pytest.importorskip("huggingface_hub.constants", reason="hub ids need huggingface_hub")

ROOT = Path(__file__).resolve().parents[3]
PINNED = "nvidia/nemo-nano-codec-22khz-1.89kbps-21.5fps"
NEWEST = "nvidia/audio-codec-44khz"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Every repository holds one file."""

    def __init__(self, content: bytes):
        super().__init__(("127.0.0.1", 0), Answer)
        self.content, self.sent, self.breaks = content, content, 0
        self.asked: list[str] = []  # method, path and range of every request
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(b"", len(self.server.content))

    def do_GET(self) -> None:
        begin = int(self.headers.get("Range", "bytes=0-")[6:].partition("-")[0])
        body, size = self.server.sent[begin:], len(self.server.sent) - begin
        if self.server.breaks:
            self.server.breaks -= 1
            body = body[: size // 2]
        self.answer(body, size, begin)
        self.close_connection = True

    def answer(self, body: bytes, size: int, begin: int = 0) -> None:
        _, owner, name, _, revision, file = self.path.split("/")
        self.server.asked.append(f"{self.command} {owner}/{name}@{revision} {self.headers.get('Range', '')}".strip())
        known = file == f"{name}.nemo" and "missing" not in name
        self.send_response((206 if begin else 200) if known else 404)
        if not known:
            self.send_header("X-Error-Code", "RepoNotFound")
            size, body = 0, b""
        self.send_header("X-Repo-Commit", revision if len(revision) == 40 else COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(self.server.content).hexdigest()}"')
        self.send_header("Content-Length", str(size))
        if begin:
            total = len(self.server.sent)
            self.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    """A .nemo file."""
    return pack(tmp_path_factory.mktemp("nemo") / "tiny.nemo", tiny_parts()).read_bytes()


@pytest.fixture
def server(content, tmp_path, monkeypatch):
    """The hub, as HF_ENDPOINT would name it; huggingface_hub reads that only when it is imported."""
    hub_server = Hub(content)
    template = hub_server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", hub_server.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    yield hub_server
    hub_server.shutdown()
    hub_server.server_close()


def files(cache: Path) -> list[str]:
    return [path.name for path in cache.rglob("*") if path.suffix == ".nemo" or path.parent.name == "blobs"]


def test_the_pinned_revision_is_asked_for_and_recorded_with_the_licence(server, caplog):
    with caplog.at_level(logging.INFO):
        codec = load(PINNED)
    revision = PUBLISHED[PINNED].revision
    assert server.asked == [f"HEAD {PINNED}@{revision}", f"GET {PINNED}@{revision}"]
    assert codec.licence.source == f"{PINNED}@{revision}"
    assert "weights under NVIDIA Open Model License" in caplog.text


def test_where_none_is_pinned_the_commit_is_recorded_and_another_revision_can_be_asked_for(server):
    assert load(NEWEST).licence.source == f"{NEWEST}@{COMMIT}"
    assert load(f"hub:{NEWEST}@v2").licence.source == f"{NEWEST}@{COMMIT}"
    assert [line.split("@")[1] for line in server.asked if line.startswith("HEAD")] == ["main", "v2"]
    assert load(f"hub:{NEWEST}@{'ab' * 20}").licence.source == f"{NEWEST}@{'ab' * 20}"


def test_a_licence_that_excludes_what_is_wanted_refuses(server):
    with pytest.raises(PermissionError, match="are under NSCLv1"):
        load("nvidia/low-frame-rate-speech-codec-22khz", commercial=True)


def test_an_interrupted_download_goes_on_where_it_was(server, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # of 10 MB, more than this file has
    server.breaks = 2
    load(PINNED)
    begins = [int(line.split("bytes=")[1].rstrip("-")) for line in server.asked if "bytes=" in line]
    assert len(begins) == 2 and len(server.content) // 2 - 1000 <= begins[0] < begins[1], server.asked


def test_a_download_that_never_ends_leaves_nothing_and_the_next_one_works(server, tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    server.sent = server.content[:-1000]
    with pytest.raises(ConnectionError, match=rf"{PINNED}: .*give its path"):
        load(PINNED)
    assert not files(tmp_path / "cache")
    server.sent = server.content
    load(PINNED)


def test_another_file_than_announced_is_refused_deleted_and_got_again(server, tmp_path):
    position = len(server.content) // 2
    damaged = bytes([server.content[position] ^ 1])
    server.sent = server.content[:position] + damaged + server.content[position + 1 :]
    with pytest.raises(ConnectionError, match=r"has SHA-256 .*the hub says .*it was deleted, try again"):
        load(PINNED)
    assert not files(tmp_path / "cache")
    server.sent = server.content
    load(PINNED)


def test_a_file_of_the_cache_that_was_damaged_there_is_noticed(server, tmp_path):
    load(PINNED)
    (blob,) = (path for path in (tmp_path / "cache").rglob("blobs/*"))
    blob.write_bytes(server.content[:-1])
    with pytest.raises(ConnectionError, match="has SHA-256"):
        load(PINNED)


def test_without_a_network_what_is_in_the_cache_speaks_and_the_rest_says_so(server, monkeypatch):
    load(PINNED)
    server.shutdown()
    server.server_close()
    monkeypatch.setattr("time.sleep", lambda _: None)
    load(PINNED)
    with pytest.raises(ConnectionError, match=rf"{NEWEST}: no .* in the cache.*cannot be downloaded.*give its path"):
        load(NEWEST)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match="give its path") as caught:
        load("hub:nobody/nothing")
    assert "\n" not in str(caught.value)


def test_a_repository_that_is_not_there_says_so_at_once(server):
    with pytest.raises(ConnectionError, match=r"hub:?.*|missing.* cannot be downloaded"):
        load("hub:nobody/missing")
    assert len(server.asked) == 1


def test_the_environment_names_the_hub(content, tmp_path):
    """As a user sets it: HF_ENDPOINT, a fresh process, the licence on the terminal."""
    server = Hub(content)
    code = f"import logging, codec; logging.basicConfig(level='INFO'); print(codec.load({PINNED!r}).fingerprint)"
    settings = {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    settings |= {"PYTHONPATH": str(ROOT), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    settings |= {"HF_HUB_OFFLINE": "0"}  # whoever runs the tests may have set it
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | settings, capture_output=True, text=True, check=False)
    server.shutdown()
    server.server_close()
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 16
    assert "weights under NVIDIA Open Model License" in done.stderr
    assert server.asked[-1] == f"GET {PINNED}@{PUBLISHED[PINNED].revision}"
