"""The command line: every output it can write, and one clear line for everything it cannot."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import toys
from codec import save as save_codec
from pipelines.shared.errors import guard
from pipelines.speaking import command_line as speak
from pipelines.speaking.synthesis import TTS

ROOT = Path(__file__).resolve().parents[3]
TEXT = "Hello there. How do you do?"


@pytest.fixture(scope="module")
def tts(shared_voice):
    return TTS.from_pretrained(str(shared_voice))


@pytest.fixture
def run(tts, monkeypatch, tmp_path, capsysbinary):
    """Run tts.py in an empty folder with the toy voice: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    load = TTS.from_pretrained

    def from_pretrained(name, *rest, **options):
        return load(name, *rest, **options) if name != "heart" else tts

    monkeypatch.setattr(TTS, "from_pretrained", from_pretrained)

    def call(*argv: object) -> tuple[int, bytes, str]:
        code = 0
        try:
            guard(lambda: speak.main([str(argument) for argument in argv]))
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        printed = capsysbinary.readouterr()
        return code, printed.out, printed.err.decode()

    return call


def spoken(tts: TTS, text: str = TEXT, seed: int = 0) -> np.ndarray:
    return np.clip(tts.synthesize(text, seed).audio, -1, 1)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_speech_is_written_in_the_format_of_the_name(run, tts, tmp_path, suffix):
    code, out, err = run("--text", TEXT, "--out", f"a.{suffix}")
    assert (code, err) == (0, "")
    audio, rate = soundfile.read(f"a.{suffix}", dtype="float32")
    wanted = spoken(tts)
    assert rate == tts.sample_rate and abs(len(audio) - len(wanted)) < 3000
    if suffix in ("wav", "flac"):
        assert np.abs(audio - wanted).max() < 1e-4
    assert out.decode().startswith(f"a.{suffix}: ") and "real-time factor" in out.decode()
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{suffix}"]


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_standard_output_gets_a_wav_and_nothing_else(run, tts, stream):
    code, out, err = run("--text", TEXT, "--out", "-", *stream)
    assert code == 0 and err.startswith("-: ")
    assert out[:4] == b"RIFF"
    pcm = np.frombuffer(out.partition(b"data")[2][4:], "<i2") / 32767
    assert np.abs(pcm - spoken(tts)).max() < 1e-4
    if not stream:
        assert soundfile.info(io.BytesIO(out)).frames == len(pcm)


def test_the_report_as_json(run, tts):
    code, out, _ = run("--text", TEXT, "--json", "--seed", 3)
    report = json.loads(out)
    assert code == 0
    assert set(report) == {
        *("out", "duration_s", "time_to_first_audio_ms", "real_time_factor", "confidence", "sample_rate", "seed")
    }
    assert (report["out"], report["seed"], report["sample_rate"]) == ("speech.wav", 3, tts.sample_rate)
    assert report["duration_s"] == pytest.approx(soundfile.info("speech.wav").duration, abs=0.001)
    assert 0 < report["confidence"] <= 1 and report["real_time_factor"] > 0


def test_the_seed_and_temperature_are_those_given(run, tts):
    for name, flags in {"a": ["--seed", 7], "b": ["--seed", 7], "c": ["--seed", 8]}.items():
        assert run("--text", TEXT, "--out", f"{name}.wav", *flags)[0] == 0
    a, b, c = (Path(f"{name}.wav").read_bytes() for name in "abc")
    assert a == b != c
    run("--text", TEXT, "--out", "d.wav", "--seed", 7, "--temperature", 0)
    run("--text", TEXT, "--out", "e.wav", "--seed", 8, "--temperature", 0)
    assert Path("d.wav").read_bytes() == Path("e.wav").read_bytes() != a


def test_a_file_or_standard_input_is_read_aloud(run, tts, monkeypatch):
    Path("text.txt").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())  # with a byte order mark
    assert run("--text-file", "text.txt", "--out", "a.wav")[0] == 0
    with open("text.txt", encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        assert run("--text-file", "-", "--out", "b.wav")[0] == 0
    assert np.abs(soundfile.read("a.wav")[0] - spoken(tts)).max() < 1e-4
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()


def test_a_folder_gets_a_file_for_every_line_that_is_not_empty(run, tts):
    lines = ["Hello there.", "How do you do?", "Yes."]
    Path("lines.txt").write_text(f"\n{lines[0]}\n  \n{lines[1]}\n{lines[2]}\n\n")
    code, out, _ = run("--text-file", "lines.txt", "--out-dir", "deep/er", "--json")
    assert code == 0
    assert sorted(path.name for path in Path("deep/er").iterdir()) == ["000.wav", "001.wav", "002.wav"]
    reports = [json.loads(line) for line in out.splitlines()]
    assert [report["out"] for report in reports] == [f"deep/er/00{i}.wav" for i in range(3)]
    for number, line in enumerate(lines):
        assert np.abs(soundfile.read(f"deep/er/00{number}.wav")[0] - spoken(tts, line)).max() < 1e-4


@pytest.mark.parametrize("kind", ["srt", "json"])
def test_timestamps_lie_beside_the_audio(run, kind):
    assert run("--text", TEXT, "--out", "a.flac", "--timestamps", kind)[0] == 0
    content = Path(f"a.{kind}").read_text("utf-8")
    if kind == "json":
        words = json.loads(content)
        assert [word["text"].strip(".?") for word in words] == TEXT.replace(".", "").replace("?", "").split()
        assert words[-1]["end_s"] <= soundfile.info("a.flac").duration + 0.001
    else:
        assert content.startswith("1\n00:00:0") and content.count(" --> ") >= 2
        assert " ".join(line for line in content.splitlines() if line[:1].isalpha()) == TEXT


def test_a_picture_of_the_speech(run):
    pytest.importorskip("matplotlib", reason="pictures need lfsc-tts[plot]")
    assert run("--text", "Hello.", "--plot", "a.png")[0] == 0
    assert Path("a.png").read_bytes()[:4] == b"\x89PNG"
    assert sorted(path.name for path in Path().iterdir()) == ["a.png", "speech.wav"]
    code, _, err = run("--text", "Hello.", "--plot", "a.xyz")
    assert code == 2 and err.count("\n") == 1 and "a.xyz cannot be drawn" in err
    assert not Path("a.xyz").exists()


TEXTS = {
    "": "nothing to say",
    " \n ": "nothing to say",
    "?!... —": "nothing to say",
    "🙂 🎉": "nothing to say",
    "こんにちは、世界。": "this voice speaks English",
    "Good. Then Привет. Good.": "this voice speaks English",
}
FILES = {
    "absent.txt": (None, "does not exist; expected a UTF-8 text file"),
    ".": (None, "is a folder; expected a UTF-8 text file"),
    "picture.txt": (b"\x89PNG\r\n\x1a\n\xff\xd8", "is not UTF-8 text"),
    "utf16.txt": (TEXT.encode("utf-16"), "is not UTF-8 text"),
    "zeros.txt": (b"Hello\0there", "holds binary data"),
    "empty.txt": (b"", "nothing to say"),
}
FLAGS = {
    "--out=a.xyz": "expected a name ending in .wav",
    "--out=absent/a.wav": "the folder absent does not exist",
    "--out=folder.wav": "is a folder",
    "--seed=-1": "expected a number from 0 on",
    "--temperature=3": "temperature=3",
    "--temperature=nan": "temperature=nan",
    "--stream": "use it with --out -",
    "--out=- --timestamps=srt": "use --out FILE",
    "--out-dir=x": "--out-dir goes with --text-file",
    "--speed=3": "got speed 3; expected 0.5 to 2",
    "--speed=nan": "got speed nan",
    "--pause=paragraph": "expected KIND=TIME such as paragraph=600ms",
    "--pause=comma=1s": "got a pause of the kind 'comma'",
    "--timestamp-unit=words": "--timestamp-unit goes with --timestamps",
    "--ssml --text=<speak>a<b/></speak>": "line 1, column 9: got the tag <b>",
    "--voice=voice --lexicon=absent.tsv": "absent.tsv does not exist; expected a lexicon",
    "--dry-run --lexicon=absent.tsv": "absent.tsv does not exist; expected a lexicon",
    "--dry-run --speed=3": "got speed 3; expected 0.5 to 2",
    "--dry-run --voice=gepard:x": "gepard:x reads letters as they stand",
    "--voice=gepard:x --lexicon=absent.tsv": "gepard:x reads letters, not phonemes",
    "--voice=nobody": "no voice 'nobody'",
    "--voice=folder.wav": "is not a voice: no voice.yaml",
    "--voice=voice --codec=absent": "absent is not a codec folder",
    "--voice=voice --codec=foreign": "this voice speaks codes of codec",
}


def refused(run, tmp_path, message: str, *argv: object) -> None:
    """One line that says so, exit code 2, no traceback, and not a file more than before."""
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run(*argv)
    assert (code, out) == (2, b"")
    assert err.startswith("error: ") and err.count("\n") == 1 and message in err, err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("flags", ["", "--out=a.ogg", "--out=- --stream"])
def test_what_cannot_be_spoken_is_refused(run, tmp_path, text, flags):
    if "Good" in text and "stream" in flags:
        pytest.skip("a stream has spoken what came before")
    refused(run, tmp_path, TEXTS[text], "--text", text, *flags.split())


@pytest.mark.parametrize("name", FILES)
def test_what_cannot_be_read_is_refused(run, tmp_path, name):
    content, message = FILES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    refused(run, tmp_path, message, "--text-file", name)


@pytest.mark.parametrize("flags", FLAGS)
def test_impossible_flags_are_refused(run, tmp_path, shared_voice, flags):
    (tmp_path / "folder.wav").mkdir()
    if "voice=voice" in flags:
        (tmp_path / "voice").symlink_to(shared_voice)
    if "foreign" in flags:
        save_codec(toys.toy_codec(seed=1), tmp_path / "foreign")
    refused(run, tmp_path, FLAGS[flags], "--text", TEXT, *flags.split())


def test_a_broken_voice_is_refused(run, tmp_path, toy_voice):
    (toy_voice / "lm/model.safetensors").write_bytes(b"half a fi")
    refused(run, tmp_path, "is not a readable speech LM", "--text", TEXT, "--voice", toy_voice)


def test_a_bad_line_is_named_before_any_is_spoken(run, tmp_path):
    (tmp_path / "lines.txt").write_text("Hello.\n\nПривет.\n", "utf-8")
    refused(run, tmp_path, "line 2: got", "--text-file", "lines.txt", "--out-dir", "out")
    (tmp_path / "empty.txt").write_text(" \n")
    refused(run, tmp_path, "empty.txt has no text", "--text-file", "empty.txt", "--out-dir", "out")


def test_an_old_file_survives_a_failure(run, tmp_path):
    (tmp_path / "speech.wav").write_bytes(b"old")
    assert run("--text", TEXT, "--temperature", 3)[0] == 2
    assert (tmp_path / "speech.wav").read_bytes() == b"old"


def test_the_script_runs_from_any_folder(shared_voice, tmp_path):
    command = [sys.executable, str(ROOT / "pipelines/tts.py"), "--voice", str(shared_voice), "--text"]
    done = subprocess.run([*command, "Hello.", "--out", "-"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert soundfile.info(io.BytesIO(done.stdout)).frames > 0
    failed = subprocess.run([*command, "…"], cwd=tmp_path, capture_output=True, check=False, text=True)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("error: got '…'") and failed.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
