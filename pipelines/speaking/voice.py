"""A voice: what it is to those who speak with it, and the folder of tokenizer, speech LM, codec and card it ships as.

voices/heart/voice.yaml          provenance, licences, sampling defaults, measured figures
             tokenizer.model
             lm/                 SpeechLM.from_pretrained
             codec/              codec.load
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from codec import Codec
from codec import load as load_codec
from pipelines.shared.errors import UserError
from pipelines.shared.resources import VOICES
from pipelines.shared.settings import build, load_yaml
from speechllm import SamplingConfig, SpeechLM
from speechllm.text.frontend import Frontend, TextFrontend
from speechllm.text.normalizer import Normalizer
from speechllm.text.phonemizer import Phonemizer
from speechllm.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Voice:
    """The parts of a voice, checked to belong together."""

    name: str
    card: dict[str, Any]
    make_frontend: Callable[[], Frontend]  # one for each thread
    lm: SpeechLM
    codec: Codec
    large: bool = False  # too large to be in memory twice: whoever speaks first decides about the precision
    prefix: Tensor | None = None  # of the LM's voice prefix, [Q, D]
    unguided: Tensor | None = None  # ids that guidance reads in place of a text, int64 [s]
    keeps_first: bool = False  # whoever speaks first goes on: the prefix is then made from what was said


def find_voice(name: str) -> Path:
    """The folder of a shipped voice, or of a path.

    Raises:
        UserError: no such voice; the message lists those there are.
    """
    shipped = VOICES / name
    path = shipped if Path(name).name == name and shipped.is_dir() else Path(name)
    if name in ("", ".", "..") or not path.is_dir():
        names = ", ".join(sorted(card.parent.name for card in VOICES.glob("*/voice.yaml"))) or "none shipped"
        raise UserError(f"no voice {name!r}; expected a voice folder or one of: {names}")
    return path


def load_voice(name: str, codec: Path | None = None) -> Voice:
    """Load a voice by name or path, with its own codec or the one in folder `codec`.

    Raises:
        UserError: no such voice, something is missing or broken, or the parts do not belong together.
    """
    folder = find_voice(name)
    card_path = folder / "voice.yaml"
    if not card_path.is_file():
        raise UserError(f"{folder} is not a voice: no voice.yaml")
    try:
        card = load_yaml(card_path.read_text("utf-8"), str(card_path))
        tokenizer = Tokenizer.load(folder / "tokenizer.model")
        lm = SpeechLM.from_pretrained(folder / "lm")
        sound = load_codec(codec or folder / "codec")
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"the voice {folder} cannot be loaded: {error}") from error
    if not isinstance(card, dict):
        raise UserError(f"{card_path} is not a voice card: expected `key: value` lines")
    build(SamplingConfig, card.get("sampling", {}), f"{card_path}: sampling.")
    wanted = lm.config.codes.codec_fingerprint
    if sound.fingerprint != wanted:
        given = codec or folder / "codec"
        raise UserError(f"this voice speaks codes of codec {wanted}, {given} is {sound.fingerprint}")
    if tokenizer.fingerprint != lm.config.tokenizer_fingerprint:
        raise UserError(f"the tokenizer of {folder} is not the one its LM was trained with; restore the folder")
    return Voice(folder.name, card, lambda: TextFrontend(Normalizer(), Phonemizer(), tokenizer), lm, sound)
