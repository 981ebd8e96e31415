"""The engines of a voice: the same codes in float32, in one thread or two; and speaking where torch is not there."""

import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from pipelines.shared.errors import UserError
from pipelines.speaking.ahead import ahead
from pipelines.speaking.synthesis import TTS
from sources import ROOT

TEXT = "Hello there, my old friend. How do you do? The quick brown fox jumps over the lazy dog!"


@pytest.mark.parametrize("temperature", [0.0, 0.1, 0.7])
def test_float32_says_what_torch_says(exported_voice, temperature):
    said = [
        TTS.from_pretrained(str(exported_voice), precision="float32", engine=engine).synthesize(
            TEXT, seed=5, temperature=temperature
        )
        for engine in ("torch", "onnx")
    ]
    assert np.array_equal(said[0].codes, said[1].codes) and said[0].words == said[1].words
    assert np.abs(said[0].audio - said[1].audio).max() < 1e-3


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_threads_change_no_sample(exported_voice, precision):
    one, two = (
        TTS.from_pretrained(str(exported_voice), precision=precision, threads=count).synthesize(TEXT, seed=1)
        for count in (1, 2)
    )
    assert np.array_equal(one.audio, two.audio) and one.words == two.words


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(engine="tensorflow"), "got engine 'tensorflow'; expected one of: auto, onnx, torch"),
        (dict(engine="onnx", precision="bfloat16"), "bfloat16, which takes the engine torch"),
    ],
)
def test_impossible_engines_are_refused(exported_voice, options, message):
    with pytest.raises(UserError, match=message):
        TTS.from_pretrained(str(exported_voice), **options)


def test_a_voice_without_graphs_says_so(shared_voice):
    with pytest.raises(UserError, match="the voice .* holds no ONNX graphs; write them with export-voice"):
        TTS.from_pretrained(str(shared_voice), engine="onnx")


def test_the_command_speaks_where_there_is_no_torch(exported_voice, tmp_path):
    program = f"""
import sys
sys.modules["torch"] = None  # importing it fails
from pipelines.lfsc_tts import main
main(["say", "--voice", {str(exported_voice)!r}, "--text", "Hello there.", "--out", {str(tmp_path / "a.wav")!r}])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.wav").stat().st_size > 10_000


def test_what_works_ahead_keeps_order_and_passes_errors_on():
    def items():
        yield from range(5)
        raise ValueError("the sixth")

    made = ahead(items(), 2)
    assert [next(made) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="the sixth"):
        next(made)
    assert list(ahead(iter(range(100)), 3)) == list(range(100))


def test_whoever_stops_early_stops_the_thread():
    made = []

    def items():
        for number in range(10**6):
            made.append(number)
            yield number

    running = ahead(items(), 2)
    assert next(running) == 0
    running.close()
    time.sleep(0.05)
    count = len(made)
    time.sleep(0.05)
    assert len(made) == count < 10 and "speech LM" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--voice", "VOICE", "--engine", "torch"], "as asked takes torch; pip install 'lfsc-tts\\[torch\\]'"),
        (["--voice", "gepard:folder"], "gepard:folder needs torch; pip install 'lfsc-tts\\[published\\]'"),
    ],
)
def test_what_needs_torch_says_so_in_one_line_where_there_is_none(exported_voice, arguments, message):
    given = [str(exported_voice) if argument == "VOICE" else argument for argument in arguments]
    program = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("no torch", name="torch")
sys.meta_path.insert(0, Refuse())
from pipelines.lfsc_tts import main
main(["say", "--text", "Hello.", *{given!r}])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert re.search(message, done.stderr), done.stderr
