"""Recordings of people out of Debian's packages: which, what they say, and what is missing."""

import gzip
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from benchmarks import human_recordings
from pipelines.corpus import manifest
from pipelines.shared.errors import UserError


@pytest.fixture
def packages(tmp_path):
    """What the three packages unpack to, in small: tones in place of speech."""
    av = pytest.importorskip("av", reason="it comes with faster-whisper")
    root = tmp_path / "package"
    librivox, prompts = root / human_recordings.LIBRIVOX, root / human_recordings.PROMPTS
    texts = root / human_recordings.PROMPT_TEXTS
    for folder in (librivox, prompts, texts.parent):
        folder.mkdir(parents=True)
    tone = (np.sin(np.arange(16_000) / 10) * 8_000).astype(np.int16)
    soundfile.write(librivox / "one-1.wav", tone, 16_000)
    (librivox / "transcription").write_text("<s> one word </s> (one-1)\n\n")
    for name, seconds in {"short": 1, "fits": 3, "beep": 3, "untold": 3, "long": 7}.items():
        with av.open(str(prompts / f"{name}.g722"), "w", format="g722") as container:
            stream = container.add_stream("g722", rate=16_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.tile(tone, seconds)[None], format="s16", layout="mono")
            frame.sample_rate = 16_000
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)
    lines = "; Texts\nshort: No.\nfits: It fits: well.\nbeep: [a beep]\nlong: Too long.\n"
    texts.write_bytes(gzip.compress(lines.encode()))
    return root


def test_speech_of_some_seconds_is_listed_with_its_text(packages, tmp_path):
    out = tmp_path / "judge" / "human.jsonl"
    assert human_recordings.write(packages, out) == manifest.read(out)
    sentence, prompt = manifest.read(out)
    assert (sentence.id, sentence.text, sentence.speaker) == ("one-1", "one word", "librivox")
    assert (prompt.id, prompt.text, prompt.speaker) == ("allison-fits", "It fits: well.", "allison")
    audio, rate = soundfile.read(out.parent / prompt.audio)
    assert rate == 16_000 and len(audio) == pytest.approx(3 * rate, abs=100)
    assert prompt.duration_s == pytest.approx(3, abs=0.01)
    assert np.abs(audio).max() == pytest.approx(8_000 / 2**15, rel=0.1)


def test_a_missing_package_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no usr/share/pocketsphinx"):
        human_recordings.write(tmp_path, tmp_path / "human.jsonl")


def test_the_command_asks_for_a_manifest(tmp_path):
    command = [sys.executable, "benchmarks/human_recordings.py", str(tmp_path), "--out", str(tmp_path / "human.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "expected a name that ends with .jsonl" in done.stderr
