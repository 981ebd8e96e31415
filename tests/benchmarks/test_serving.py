"""Listeners of a server: what they count, on the toy voice and on servers that answer otherwise."""

import asyncio
import json
import os
import time

import numpy as np
import pytest

for library in ("fastapi", "uvicorn", "httpx"):
    pytest.importorskip(library, reason="serving needs lfsc-tts[serve]")
pytest.importorskip("matplotlib", reason="the plot needs lfsc-tts[plot]")

from benchmarks import serving  # noqa: E402
from benchmarks.load.connection import Connection  # noqa: E402
from benchmarks.load.playback import Load, Player  # noqa: E402
from pipelines.shared.errors import UserError  # noqa: E402
from servers import serving as running_server  # noqa: E402
from servers import toy_settings  # noqa: E402

LOUD = np.full(1000, 1000, "<i2").tobytes()


def test_the_report_is_written(exported_voice, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(serving, "read_sentences", lambda: ["Hello there.", "How do you do?", "The quick brown fox."])
    with running_server(toy_settings(exported_voice)) as running:
        flags = [
            "--url",
            f"{running.url}/v1",
            "--pid",
            str(os.getpid()),
            "--seconds",
            "1",
            "--out",
            str(tmp_path / "r"),
        ]
        serving.main([*flags, "--streams", "2", "--rate", "4", "--leave", "0.5"])
        assert running.settle()
    rows = json.loads((tmp_path / "r.json").read_text("utf-8"))["rows"]
    assert [row["load"] for row in rows] == ["2 streams", "4 requests/s"]
    for row in rows:
        assert row["answers"] + row["left"] > 0 == row["errors"]
        assert len(row["course"]["first_s"]) == row["answers"] + row["left"]
        assert row["memory_mb"]["most"] >= row["memory_mb"]["first"] > 10
        assert row["first_audio_ms"]["p50"] > 0 and row["audio_s"] > 0
    assert (tmp_path / "r.png").read_bytes()[:4] == b"\x89PNG"
    assert "| 2 streams |" in capsys.readouterr().out


def test_a_playback_clock_starts_with_sound_and_counts_what_is_late():
    player = Player(rate=1000, asked_s=10.0)
    player.take(bytes(400), 10.1)  # silence
    assert not player.first_s
    player.take(LOUD[:-1], 10.2)
    player.take(LOUD[-1:], 10.3)  # half a sample
    assert player.first_s == pytest.approx(0.2) and not player.late
    player.take(LOUD, 11.15)
    assert not player.late
    player.take(LOUD, 12.7)
    assert player.late == [(12.7, pytest.approx(0.5))]
    load = Load("one", begin_s=10.0)
    load.note(player)
    assert load.late_s == [(pytest.approx(2.7), pytest.approx(0.5))] and load.counts["underruns"] == 1
    assert load.audio_s == pytest.approx(3.2)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", b"abcd"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", b"abcd"),
        (b"HTTP/1.0 200 OK\r\n\r\nabcd", b"abcd"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcd", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nab", None),
    ],
)
def test_all_kinds_of_answers_are_read_and_cut_ones_noticed(answer, found):
    async def scene() -> bytes:
        async def reply(reader, writer) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            given = await Connection(f"http://127.0.0.1:{port}/v1/", "key").ask({})
            parts = [part async for part in given.parts()]
            given.close()
            return b"".join(parts)

    if found is None:
        with pytest.raises(asyncio.IncompleteReadError):
            asyncio.run(scene())
    else:
        assert asyncio.run(scene()) == found


@pytest.mark.parametrize(
    "flag", ["streams=0", "rate=0", "rate=nan", "leave=2", "seconds=0", "seconds=inf", "sample-rate=0"]
)
def test_loads_that_are_none_are_mistakes(flag):
    name, value = flag.split("=")
    with pytest.raises(UserError, match=f"got --{name} {value}.*expected"):
        serving.main([f"--{flag}"])


def test_who_finds_no_server_asks_no_more_often_than_who_is_refused():
    async def scene() -> tuple[Load, float]:
        load = Load("none")
        return load, await serving.listen(Connection("http://127.0.0.1:9", "key"), load, {}, 24_000, 0.0)

    begin_s = time.monotonic()
    load, ends_s = asyncio.run(scene())
    assert load.counts["errors"] == 1 and ends_s >= begin_s + serving.REFUSED_S


def test_what_is_not_there_is_a_mistake():
    with pytest.raises(UserError, match="--pid"):
        serving.main(["--pid", "99999999"])
    with pytest.raises(UserError, match="lfsc-tts serve"):
        serving.main(["--url", "http://127.0.0.1:9", "--seconds", "1"])
