"""The command as a process among others: its input, output and signals, and what it leaves behind."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[3]
TTS = str(ROOT / "pipelines/tts.py")
TEXT = b"Hello there. How do you do? The quick brown fox jumps over the lazy dog. And "
LIMIT_S = 60


@pytest.fixture
def command(exported_voice) -> list[str]:
    return [sys.executable, TTS, "--voice", str(exported_voice)]


def start(command: list[str], *flags: str, folder: Path, **options) -> subprocess.Popen:
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return subprocess.Popen([*command, *flags], cwd=folder, preexec_fn=heed_interrupts, **{**pipes, **options})


def heed_interrupts() -> None:
    """As in a terminal: what runs in the background may have been told to ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def samples(wav: bytes) -> bytes:
    """What comes after the header of a WAV, which holds tags."""
    return wav.partition(b"data")[2][4:]


def wait_for(condition) -> None:
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.02)


def ended(process: subprocess.Popen) -> tuple[int, bytes, str]:
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err.decode()


@pytest.fixture
def speaking(command, tmp_path):
    """A process that speaks to a.wav, has begun, and waits for more text."""
    process = start(command, "--text-file", "-", "--out", "a.wav", folder=tmp_path)
    process.stdin.write(TEXT * 3)
    process.stdin.flush()
    wait_for(lambda: list(tmp_path.glob(".*")))
    yield process
    process.kill()
    process.communicate()


def test_the_first_audio_comes_before_standard_input_ends(command, tmp_path):
    process = start(command, "--text-file", "-", "--out", "-", "--stream", folder=tmp_path)
    process.stdin.write(TEXT)
    process.stdin.flush()
    heard = process.stdout.read(1000)  # waits for ever where the text is read whole
    assert heard[:4] == b"RIFF" and len(heard) == 1000
    code, rest, _ = ended(process)
    assert code == 0 and len(rest) > 10_000


def test_text_from_a_pipe_is_spoken_as_from_a_file(command, tmp_path):
    (tmp_path / "text.txt").write_bytes(TEXT)
    whole = subprocess.run([*command, "--text-file", "text.txt", "--out", "-"], cwd=tmp_path, capture_output=True)
    piped = subprocess.run(
        [*command, "--text-file", "-", "--out", "-", "--stream"], cwd=tmp_path, input=TEXT, capture_output=True
    )
    assert samples(whole.stdout) == samples(piped.stdout) and len(whole.stdout) > 10_000


def test_two_runs_may_write_one_file(command, speaking, tmp_path):
    second = subprocess.run([*command, "--text", "Hello.", "--out", "a.wav"], cwd=tmp_path, capture_output=True)
    assert second.returncode == 0
    short = soundfile.info(tmp_path / "a.wav").frames
    code, _, err = ended(speaking)
    assert (code, err) == (0, "")
    assert soundfile.info(tmp_path / "a.wav").frames > short
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize(
    ("number", "code", "line"), [(signal.SIGTERM, 143, ""), (signal.SIGINT, 130, "interrupted\n")], ids=str
)
def test_a_signal_ends_it_and_leaves_nothing(speaking, tmp_path, number, code, line):
    speaking.send_signal(number)
    speaking.wait(LIMIT_S)  # while its standard input is still open
    assert (speaking.returncode, speaking.stderr.read().decode()) == (code, line)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_during_the_imports_is_one_line(command, tmp_path):
    fake = tmp_path / "fake/numpy"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    process = start(command, "--text", "Hello.", folder=tmp_path, env={**os.environ, "PYTHONPATH": str(fake.parent)})
    assert process.stdout.readline() == b"importing\n"
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert (code, err) == (130, "interrupted\n")


@pytest.mark.parametrize(
    ("closed", "flags", "message"),
    [
        ("<&-", "--text-file - --out a.wav", "standard input is closed; expected a text"),
        (">&-", "--text Hello. --out -", "standard output is closed; expected somewhere to write"),
        (">&-", "--text Hello. --dry-run", "standard output is closed; expected somewhere to write"),
    ],
)
def test_what_is_closed_is_named(command, tmp_path, closed, flags, message):
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *command, *flags.split()]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith(f"error: {message}") and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_with_standard_streams_closed(command, tmp_path):
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command, "--text", "Hello.", "--out", "a.wav"]
    assert subprocess.run(shell, cwd=tmp_path).returncode == 0
    assert soundfile.info(tmp_path / "a.wav").frames


def test_with_standard_error_closed_the_audio_is_all_that_is_written(command, tmp_path):
    shell = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command, "--text", "Hello.", "--out", "-"]
    out = subprocess.run(shell, cwd=tmp_path, stdout=subprocess.PIPE).stdout
    assert len(samples(out)) == 2 * soundfile.info(io.BytesIO(out)).frames


def test_a_reader_that_goes_away_is_no_error(command, tmp_path):
    process = start(command, "--text", "Hello there. " * 40, "--out", "-", "--stream", folder=tmp_path)
    process.stdout.read(44)
    process.stdout.close()
    process.wait(LIMIT_S)
    assert (process.returncode, process.stderr.read()) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("flags", ["--out -", "--out - --stream", "--dry-run"])
def test_a_full_disk_is_one_line(command, tmp_path, flags):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*command, "--text", "Hello.", *flags.split()], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2 and "No space left" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("flags", [["--out", "a.wav"], ["--dry-run"]])
def test_a_text_that_is_no_utf8_is_refused(command, tmp_path, flags):
    done = subprocess.run([*command, "--text", b"caf\xe9 noir", *flags], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: got the byte 0xe9 at character 4; expected text, which is UTF-8\n"
    assert list(tmp_path.iterdir()) == []


def test_nobody_needs_a_home_or_a_name(exported_voice, tmp_path):
    code = (
        "import os, pwd, runpy, sys\n"
        "def nobody(*_): raise KeyError('uid not found')\n"
        "pwd.getpwuid = pwd.getpwnam = os.getlogin = nobody\n"
        "sys.argv[0] = sys.argv[1]; del sys.argv[1]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "USER", "LOGNAME")}
    flags = ["--voice", str(exported_voice), "--text", "It is $5.", "--out", "a.wav", "--timestamps", "srt"]
    done = subprocess.run([sys.executable, "-c", code, TTS, *flags], cwd=tmp_path, env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.srt", "a.wav"]


FORK = """
import os, sys
from pipelines.speaking.synthesis import TTS
tts = TTS.from_pretrained(sys.argv[1], engine=sys.argv[2])
before = len(tts.synthesize("Hello there.").audio)
if os.fork() == 0:
    try:
        assert len(tts.synthesize("Hello there.").audio) == before
        print("spoken", flush=True)
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.parametrize(("engine", "answer"), [("onnx", "spoken"), ("torch", "load the voice after the fork")])
def test_after_a_fork_it_speaks_or_says_why_not(exported_voice, engine, answer):
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(exported_voice), engine],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert answer in done.stdout, done.stderr


def test_a_dry_run_loads_no_network_and_comes_as_it_is_read(command, tmp_path):
    code = (
        "import runpy, sys\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "assert not {'torch', 'onnxruntime', 'soundfile'} & set(sys.modules), sorted(sys.modules)"
    )
    flags = ["--text-file", "-", "--dry-run"]
    process = start([sys.executable, "-c", code, *command[1:]], *flags, folder=tmp_path)
    process.stdin.write(b"Dr. Smith has 5 kg. How do you do? And ")
    process.stdin.flush()
    first = json.loads(process.stdout.readline())
    assert set(first) == {"sentence", "spoken", "phonemes"}
    assert (first["sentence"], first["spoken"]) == ("Dr. Smith has 5 kg.", "Doctor Smith has five kilograms.")
    code, out, err = ended(process)
    assert (code, err) == (0, "") and [json.loads(line)["sentence"] for line in out.splitlines()][-1] == "And"


def test_silence_and_speed_stream_as_they_are_written(command, tmp_path):
    flags = ["--text", "One — two.\n\nThree.", "--speed", "1.5", "--pause", "paragraph=1s", "--out", "-"]
    whole, streamed = (
        subprocess.run([*command, *flags, *more], cwd=tmp_path, capture_output=True).stdout
        for more in ([], ["--stream"])
    )
    audio, rate = soundfile.read(io.BytesIO(whole))
    assert samples(whole) == samples(streamed)
    quiet = np.flatnonzero(
        np.diff(np.flatnonzero(np.r_[1.0, audio, 1.0])) > 0.99 * rate
    )  # the watermark's echoes last 3 ms
    assert len(quiet) == 1  # one second, and no other
