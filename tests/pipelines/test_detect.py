"""The command that says whether files are marked: exit codes, one clear line for mistakes, no torch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

import toys
from pipelines import detect, lfsc_tts
from pipelines.speaking.command_line import main as say

ROOT = Path(__file__).resolve().parents[2]
TEXT = "The quick brown fox jumps over the lazy dog, and nobody minds, for he is a kind fox."
FORMATS = ("wav", "flac", "ogg", "mp3")


@pytest.fixture(scope="module")
def folder(heart, tmp_path_factory) -> Path:
    """Speech of the shipped voice in every format, and one without the mark."""
    folder = tmp_path_factory.mktemp("speech")
    for suffix in FORMATS:
        say(["--text", TEXT, "--out", str(folder / f"speech.{suffix}")])
    say(["--text", TEXT, "--no-watermark", "--out", str(folder / "plain.wav")])
    return folder


def run(capsys, *argv: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `lfsc-tts detect`."""
    code = 0
    try:
        lfsc_tts.main(["detect", *map(str, argv)])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_every_format_is_marked_in_sound_and_in_metadata(folder, capsys):
    code, out, _ = run(capsys, "--json", *(folder / f"speech.{suffix}" for suffix in FORMATS))
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(found) == len(FORMATS)
    for each in found:
        assert each["marked"] and each["false_alarm"] < 1e-8 and each["score"] > 7
        facts = each["metadata"]
        assert facts["voice"] == "heart" and facts["source"] == "trainedAlgorithmicMedia"
        assert facts["software"].startswith("lfsc-tts") and facts["codec"] and facts["watermark"] != "none"


def test_without_the_watermark_the_metadata_stay(folder, capsys):
    code, out, _ = run(capsys, "--json", folder / "plain.wav")
    found = json.loads(out)
    assert code == detect.UNMARKED and not found["marked"] and found["false_alarm"] > 1e-3
    assert (found["metadata"]["voice"], found["metadata"]["watermark"]) == ("heart", "none")
    code, out, _ = run(capsys, folder / "plain.wav", folder / "speech.wav")
    assert code == detect.UNMARKED and "plain.wav: no mark found" in out and "speech.wav: marked as synthetic" in out


def test_the_mark_is_far_below_the_speech(folder):
    marked, plain = (soundfile.read(folder / f"{name}.wav")[0] for name in ("speech", "plain"))
    assert len(marked) == len(plain)
    assert (marked - plain).std() < 0.08 * plain.std()


@pytest.mark.parametrize("attack", ["cut", "softer", "noise", "16 kHz", "stereo"])
def test_it_is_found_whatever_happens_to_the_file(folder, tmp_path, capsys, attack):
    audio, rate = soundfile.read(folder / "speech.wav", dtype="float32")
    if attack == "cut":
        audio = audio[12_345 : 12_345 + 3 * rate]
    elif attack == "softer":
        audio = audio / 8
    elif attack == "noise":
        noise = np.random.default_rng(0).standard_normal(len(audio))
        audio = audio + 0.1 * audio.std() * noise
    elif attack == "16 kHz":
        audio, rate = soxr.resample(audio, rate, 16_000), 16_000
    else:
        audio = np.stack([audio, 0.5 * audio], axis=1)
    soundfile.write(tmp_path / "a.wav", audio, rate)
    code, out, _ = run(capsys, tmp_path / "a.wav")
    assert code == 0 and "metadata: nothing" in out


def test_other_sound_and_other_keys_find_nothing(folder, tmp_path, capsys):
    soundfile.write(tmp_path / "vowel.wav", toys.voiced(140, 4), toys.RATE)
    assert run(capsys, tmp_path / "vowel.wav")[0] == detect.UNMARKED
    assert run(capsys, "--key", "mine", folder / "speech.wav")[0] == detect.UNMARKED


def test_a_mistake_is_one_line(tmp_path, capsys):
    (tmp_path / "text.wav").write_text("no audio " * 20)
    for name, message in (("absent.wav", "is not a file"), ("text.wav", "is not readable audio")):
        code, out, err = run(capsys, tmp_path / name)
        assert (code, out) == (2, "") and err.startswith("error: ") and message in err and err.count("\n") == 1


def test_no_torch_is_needed(folder):
    code = "import sys; sys.modules['torch'] = None\nfrom pipelines.lfsc_tts import main; main(['detect', sys.argv[1]])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "speech.wav")], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "marked as synthetic" in done.stdout
