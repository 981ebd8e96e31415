"""What docs/serving.md shows: what can be run here is run, and the rest names routes, ports and options that exist."""

import ast
import inspect
import os
import re
import shutil
import socket
import subprocess
import time
from importlib.util import find_spec

import httpx
import pytest
import soundfile

from benchmarks import serving as benchmark
from pipelines import serve, serve_wyoming
from pipelines.serving.app import create_app
from pipelines.serving.encoding import MEDIA
from pipelines.serving.requests import MODELS
from pipelines.serving.voices import OPENAI
from servers import answers, blocks

ADDRESS = "http://127.0.0.1:8880"
CURLS = [
    block for block in blocks("sh") if "curl" in block and "prompt" not in block
]  # test_many_voices.py has the rest
PROGRAMS = [block for block in blocks("py") if "HOST" in block]


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.parametrize("block", CURLS)
def test_curl(server, block, tmp_path):
    player = tmp_path / "aplay"
    player.write_text(f"#!/bin/sh\ncat > {tmp_path}/played.pcm\n")
    player.chmod(0o755)
    lines = block.replace("\\\n", " ").splitlines()
    (command,) = (line for line in lines if line.startswith("curl"))
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(command.replace(ADDRESS, server.url), shell=True, cwd=tmp_path, env=environment, timeout=60)
    assert done.returncode == 0
    (made,) = set(tmp_path.iterdir()) - {player}
    if made.suffix == ".mp3":
        assert soundfile.info(made).duration > 0.1
    else:
        assert made.stat().st_size > 10_000


@pytest.mark.parametrize("block", [block for block in blocks("py") if ADDRESS in block])
def test_the_official_client(server, block, tmp_path, monkeypatch):
    pytest.importorskip("openai", reason="the client of OpenAI is not installed")
    monkeypatch.chdir(tmp_path)
    exec(compile(block.replace(ADDRESS, server.url), "serving.md", "exec"), {})
    assert soundfile.info(tmp_path / "hello.mp3").duration > 0.1


@pytest.mark.parametrize("block", PROGRAMS)
def test_programs_are_given_options_that_exist(block):
    """Their own, where they are installed; and values that mean something here."""
    tree = ast.parse(block)
    calls = {call for call in ast.walk(tree) if isinstance(call, ast.Call)}
    given = {
        word.arg: word.value.value for call in calls for word in call.keywords if isinstance(word.value, ast.Constant)
    }
    assert given["base_url"] == "http://HOST:8880/v1"
    assert given["voice"] in OPENAI and given.get("response_format", "pcm") in MEDIA
    (imported,) = (node for node in tree.body if isinstance(node, ast.ImportFrom))
    if not find_spec(imported.module.partition(".")[0]):
        pytest.skip(f"{imported.module} is not installed")
    made: dict = {}
    exec(compile(ast.Module([imported], []), "serving.md", "exec"), made)
    kind = eval(ast.unparse(tree.body[-1].value.func), made)
    assert {word.arg for word in tree.body[-1].value.keywords} <= set(inspect.signature(kind.__init__).parameters)


def test_addresses_ports_and_settings_are_those_of_the_servers(server):
    text = "\n".join([*blocks("ini"), *blocks("py"), *blocks("sh"), *blocks("nginx"), *rows()])
    paths = create_app(server.service).openapi()["paths"]
    found = set(re.findall(r"http://[\w.]+:(\d+)(/[\w/]*)?", text))
    assert {port for port, _ in found} == {str(serve.arguments([], None).port)}
    assert all(any(path.startswith(place.rstrip("/")) for path in paths) for _, place in found)
    assert "/v1/audio/voices" in paths and f"`{serve_wyoming.arguments([], None).port}`" in text
    values = dict(line.split("=") for block in blocks("ini") for line in block.split())
    assert values["AUDIO_TTS_MODEL"] in MODELS and values["AUDIO_TTS_VOICE"] in OPENAI


def test_flags_exist(capsys):
    known = set()
    for script in (serve.main, serve_wyoming.main, benchmark.main):
        with pytest.raises(SystemExit):
            script(["--help"])
        known |= set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    named = set(re.findall(r"`(--[\w-]+)[`, ]", "\n".join(rows())))
    assert named and named <= known | {"--prompt"}, named - known


@pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx")
def test_nginx_passes_each_piece_on(server, tmp_path):
    (location,) = blocks("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    inside = f"access_log off; server {{ listen 127.0.0.1:{port}; {location.replace(ADDRESS, server.url)} }}"
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid; events {{}} http {{ {inside} }}")
    command = ["nginx", "-c", tmp_path / "nginx.conf", "-p", tmp_path, "-e", "stderr", "-g", "daemon off;"]
    with subprocess.Popen(command) as proxy:
        try:
            until = time.monotonic() + 10
            while not answers(f"http://127.0.0.1:{port}/health"):
                assert time.monotonic() < until and proxy.poll() is None
                time.sleep(0.05)
            body = {"input": "Hello there, my old friend. " * 100, "response_format": "pcm"}
            with httpx.stream("POST", f"http://127.0.0.1:{port}/v1/audio/speech", json=body, timeout=60) as answer:
                next(answer.iter_raw())
                assert server.service.scheduler.streams  # it is still being spoken
            assert server.settle()
        finally:
            proxy.terminate()


def rows() -> list[str]:
    """The text outside of the blocks."""
    return re.sub(r"^```.*?^```", "", "\n".join(blocks("")), flags=re.MULTILINE | re.DOTALL).splitlines()
