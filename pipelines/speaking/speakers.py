"""Who can speak in a voice of many: `speakers.npz` in its folder.

For each speaker a vector and the codes of a recording, which is all a speech LM of many voices asks for; no speaker
encoder is needed to speak. Blends of two speakers are written `a+b@0.4`, with the share of b.

Shapes: n speakers, C channels of a vector, K codebooks, T codec frames.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipelines.shared.atomic import replacing
from pipelines.shared.errors import UserError
from pipelines.shared.resources import VOICES
from pipelines.speaking.card import find_voice, read_card

FILE = "speakers.npz"
HALF = 0.5  # share of b in `a+b`


class Speaker(NamedTuple):
    """What the speech LM is told of a speaker."""

    vector: np.ndarray  # float32 [C], of length 1
    codes: np.ndarray  # of a recording, int64 [K, T]


class Blend(NamedTuple):
    """Two speakers, or one and itself."""

    first: str
    second: str
    share: float  # of the second, 0..1

    @classmethod
    def parse(cls, name: str) -> "Blend":
        """`a`, `a+b` or `a+b@0.4`.

        Raises:
            UserError: anything else.
        """
        pair, _, share = name.partition("@")
        first, _, second = pair.partition("+")
        try:
            value = float(share) if share else HALF
        except ValueError:
            value = -1.0
        if not first or not 0 <= value <= 1 or "+" in second or bool(share) > bool(second):
            raise UserError(f"got speaker {name!r}; expected a name, or a blend like a+b@0.4 with the share of b, 0..1")
        return cls(first, second or first, value)


@dataclass(frozen=True)
class Speakers:
    """The speakers of a voice by name.

    Args:
        known: them.
        default: who speaks if nobody is named.
    """

    known: Mapping[str, Speaker]
    default: str

    def __getitem__(self, name: str) -> Speaker:
        """A speaker; UserError for nobody's name, with those there are."""
        if name not in self.known:
            raise UserError(f"no speaker {name!r}; expected one of: {', '.join(self.known)}")
        return self.known[name]

    def prefix(self, name: str | None, voice: Any) -> Any:
        """The voice prefix of a speaker or a blend; None = the default's.

        Args:
            name: see Blend.
            voice: makes a prefix of codes and a vector, see Voice.voice_prefix.
        """
        blend = Blend.parse(name or self.default)
        first, second = self[blend.first], self[blend.second]
        if blend.first == blend.second or blend.share == 0:
            return voice.voice_prefix(first.codes, first.vector)
        if blend.share == 1:
            return voice.voice_prefix(second.codes, second.vector)
        # Prefixes are mixed, and with them how the recordings are spoken; the vectors' part is the mean of vectors.
        one, other = (voice.voice_prefix(speaker.codes, speaker.vector) for speaker in (first, second))
        return one + (other - one) * blend.share


def write_speakers(folder: Path, speakers: Mapping[str, Speaker]) -> None:
    """Write the file of a voice."""
    arrays: dict[str, Any] = {"names": np.array(list(speakers))}
    arrays["vectors"] = np.stack([one.vector for one in speakers.values()]).astype(np.float16)
    arrays["frames"] = np.array([one.codes.shape[1] for one in speakers.values()])
    arrays["codes"] = np.concatenate([one.codes for one in speakers.values()], axis=1).astype(np.int16)
    with replacing(folder / FILE) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_speakers(folder: Path, default: str | None = None) -> Speakers | None:
    """The speakers of a voice folder; None for a voice of one.

    Raises:
        ValueError: the file is damaged.
        UserError: the default is none of them.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            names, vectors, codes = file["names"].tolist(), file["vectors"].astype(np.float32), file["codes"]
            parts = np.split(codes.astype(np.int64), np.cumsum(file["frames"])[:-1], axis=1)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        found = {name: Speaker(vector, part) for name, vector, part in zip(names, vectors / norms, parts, strict=True)}
    except Exception as error:  # numpy's and zipfile's errors have no common base
        raise ValueError(f"{path} is not a readable table of speakers ({error})") from error
    speakers = Speakers(found, default or next(iter(found)))
    speakers[speakers.default]  # says so if it is not there
    return speakers


class Chosen(NamedTuple):
    """A voice, and who speaks in it."""

    folder: Path
    speaker: str | None  # None = the voice's own choice


def choose(name: str) -> Chosen:
    """What a user means by --voice: a shipped voice or a folder, a speaker or a blend of a shipped voice, or
    `VOICE:SPEAKER`.

    Raises:
        UserError: nobody is called so.
    """
    voice, colon, speaker = name.rpartition(":")
    if colon and voice:
        return Chosen(find_voice(voice), speaker)
    if not is_voice(name):
        wanted = Blend.parse(name) if "+" in name or "@" in name else Blend(name, name, 0.0)
        for folder in shipped():
            if {wanted.first, wanted.second} <= set(described(folder)):
                return Chosen(folder, name)
    return Chosen(find_voice(name), None)


def is_voice(name: str) -> bool:
    """Whether there is a voice, or a folder, of this name."""
    return (VOICES / name).is_dir() or Path(name).is_dir()


def shipped() -> list[Path]:
    """The folders of all shipped voices."""
    return sorted(card.parent for card in VOICES.glob("*/voice.yaml"))


def described(folder: Path) -> dict[str, dict[str, Any]]:
    """What the card of a voice says of its speakers, by name."""
    found = read_card(folder).get("speakers", {})
    if not isinstance(found, dict):
        raise UserError(f"{folder / 'voice.yaml'}: speakers is {found!r}; expected names with what is known of them")
    return found
