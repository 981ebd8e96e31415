"""A voice's folder, its card, and its text side, which need no network of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.shared.errors import UserError
from pipelines.shared.resources import VOICES
from pipelines.shared.settings import build, load_yaml
from speechllm.config import SamplingConfig
from speechllm.text.frontend import TextFrontend
from speechllm.text.lexicon import Lexicon
from speechllm.text.normalizer import Normalizer
from speechllm.text.phonemizer import Phonemizer
from speechllm.text.tokenizer import Tokenizer


def find_voice(name: str) -> Path:
    """The folder of a shipped voice, or of a path.

    Raises:
        UserError: no such voice; the message lists those there are.
    """
    shipped = VOICES / name
    path = shipped if Path(name).name == name and shipped.is_dir() else Path(name)
    if name in ("", ".", "..") or not path.is_dir():
        names = ", ".join(sorted(card.parent.name for card in VOICES.glob("*/voice.yaml"))) or "none shipped"
        raise UserError(
            f"no voice {name!r}; expected a voice folder or one of: {names}; --list-voices names who is in them"
        )
    return path


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a voice, checked."""
    path = folder / "voice.yaml"
    if not path.is_file():
        raise UserError(f"{folder} is not a voice: no voice.yaml")
    try:
        card = load_yaml(path.read_text("utf-8"), str(path))
    except (OSError, ValueError) as error:
        raise UserError(f"the voice {folder} cannot be loaded: {error}") from error
    if not isinstance(card, dict):
        raise UserError(f"{path} is not a voice card: expected `key: value` lines")
    build(SamplingConfig, card.get("sampling", {}), f"{path}: sampling.")
    tries = card.get("tries", 1)
    if not isinstance(tries, int) or isinstance(tries, bool) or tries < 1:
        raise UserError(f"{path}: got tries: {tries!r}; expected a whole number, at least 1")
    return card


def frontend_maker(folder: Path, card: dict[str, Any], lexicon: Path | None = None) -> Callable[[], TextFrontend]:
    """What makes a text front end for each thread.

    Args:
        folder: of the voice.
        card: of the voice; `lexicon` is the name of a file beside it.
        lexicon: a file of words of one's own, which go before the voice's.

    Raises:
        UserError: a part that is missing, broken, or for another voice.
    """
    try:
        tokenizer = Tokenizer.load(folder / "tokenizer.model")
    except (OSError, ValueError) as error:
        raise UserError(f"the voice {folder} cannot be loaded: {error}") from error
    words = Lexicon()
    for path in filter(None, [voice_lexicon(folder, card), lexicon]):
        try:
            found = Lexicon.load(path)
            found.check(tokenizer.characters)
        except ValueError as error:
            raise UserError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None
        words = words | found
    return lambda: TextFrontend(Normalizer(), Phonemizer(), tokenizer, words)


def voice_lexicon(folder: Path, card: dict[str, Any]) -> Path | None:
    """The file of a voice's own words."""
    name = card.get("lexicon")
    if name is None:
        return None
    if not isinstance(name, str) or Path(name).name != name:
        raise UserError(f"{folder / 'voice.yaml'}: lexicon is {name!r}; expected the name of a file beside it")
    return folder / name
