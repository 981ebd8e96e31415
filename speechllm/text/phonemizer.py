"""Spoken form -> phonemes, with the place of every word. The only file that imports hibari, and only its G2P.

The alphabet is misaki's for American English: one character per sound, diphthongs as capitals ("A" is the vowel of
"day"), stress marks ˈ and ˌ, punctuation as written.
"""

import importlib.util
import re
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

from speechllm.text.foreign import foreign_words
from speechllm.text.heteronyms import heteronyms, is_verb, reading

PUNCTUATION = ' ,.;:!?—…()"“”'
LONGEST_UNKNOWN = 24  # letters; the network for unknown words reads no further
MOST_REMEMBERED = 10_000  # unknown words
MARKS = "".join(sorted(set(PUNCTUATION + "'‘’-–")))


class Word(NamedTuple):
    """A spoken word and its half-open character span in the phoneme string."""

    text: str
    start: int
    end: int


class Phonemes(NamedTuple):
    """What is said. Spans of `words` ascend, do not overlap, and hold neither outer punctuation nor outer spaces."""

    text: str
    words: list[Word]


class UnknownWords:
    """The network that reads words the dictionaries lack, loaded with the first; a book has its names many times."""

    def __init__(self, network: Callable[[], Any]):
        self._network = network
        self._read: dict[str, str | None] = {}

    @cached_property
    def network(self) -> Any:
        """The network itself."""
        return self._network()

    def __call__(self, word: str) -> str | None:
        """Phonemes of a word; None where no letter of it can be read."""
        if word not in self._read:
            if len(self._read) >= MOST_REMEMBERED:
                self._read.clear()
            self._read[word] = self.network(word)
        return self._read[word]


class Phonemizer:
    """American English grapheme-to-phoneme conversion. Safe to share between threads.

    Construction is free; the dictionaries (184,000 words) load on the first call or by `load()`.
    """

    def __init__(self) -> None:
        self._g2p: Any = None
        self._lock = threading.Lock()

    def load(self) -> None:
        """Load the dictionaries, a third of a second; call it in a thread to hide it behind other loading."""
        with self._lock:
            if self._g2p is None:
                g2p, network = _import_g2p()
                self._g2p = g2p(oov=UnknownWords(network))

    def __call__(self, text: str) -> Phonemes:
        """Phonemes of one sentence.

        Args:
            text: spoken form, as `Normalizer.normalize` returns it.

        Returns:
            The G2P's own string, except for foreign words and heteronyms that it misreads; an unknown word too long for
            it is read in pieces, not cut off.

        Raises:
            ValueError: the text has no sound.
        """
        self.load()
        spelled = re.sub(rf"[^\W\d_]{{{LONGEST_UNKNOWN + 1},}}", self._in_pieces, " ".join(text.split()))
        tokens = self._g2p.tokenize(spelled)
        self._decide(tokens, spelled)
        tokens = self._g2p.phonemize_tokens(tokens)
        raw = "".join((token.phonemes or "") + (" " if token.whitespace else "") for token in tokens)
        phonemes = Phonemes(raw.strip(), list(_words(tokens, len(raw) - len(raw.lstrip()))))
        if not phonemes.words:
            shown = repr(text if len(text) <= 40 else text[:39] + "…")
            raise ValueError(f"got {shown}, which has no sound; expected at least one English word; write some text")
        return phonemes

    @property
    def alphabet(self) -> str:
        """Every character a phoneme string can hold, sorted; a tokenizer must know them all."""
        self.load()
        lexicon = self._g2p.lexicon
        known = {
            char
            for words in (lexicon.golds.d, lexicon.silvers.d)
            for entry in words.values()
            for char in _readings(entry)
        }
        # The last step of the G2P writes a flap as T and a glottal stop as t.
        known -= {"ɾ", "ʔ"}
        return "".join(sorted(known | set("TtɐɪA" + PUNCTUATION) | set(self._g2p.oov.network.cout.values())))

    def _decide(self, tokens: list[Any], text: str) -> None:
        """Phonemes of the tokens that the G2P would misread, and parts of speech that its tagger gets wrong."""
        position, decided = 0, ""
        for token in tokens:
            word, start = token.text, position
            position += len(word) + bool(token.whitespace)
            if token.text in ("'s", "’s") and decided:  # apart from its word, the G2P would read it as that of "it's"
                token.phonemes = self._g2p.lexicon._s(decided)[len(decided) :]
            elif not word.isascii():
                token.phonemes = foreign_words().get(word.lower())
            elif word in heteronyms() or word.lower() in heteronyms():
                token.phonemes = reading(word, text[:start], text[position:])
            if token.phonemes is None and self._may_be_verb(token) and is_verb(text[:start], text[position:]):
                token.tag = "VB"
            decided = "" if token.whitespace else token.phonemes or ""

    def _may_be_verb(self, token: Any) -> bool:
        """Whether the dictionary has a reading as a verb and the tagger took it for another part of speech."""
        if token.tag.startswith("VB"):
            return False
        entry = self._g2p.lexicon.golds.get(token.text)
        return isinstance(entry, dict) and "VERB" in entry

    def _in_pieces(self, match: re.Match[str]) -> str:
        """A word the dictionary lacks, in equal pieces short enough for the network that reads unknown words."""
        word, lexicon = match[0], self._g2p.lexicon
        if any(form in words for form in (word, word.lower()) for words in (lexicon.golds, lexicon.silvers)):
            return word
        pieces = -(-len(word) // LONGEST_UNKNOWN)
        return " ".join(word[len(word) * i // pieces : len(word) * (i + 1) // pieces] for i in range(pieces))


def _readings(entry: Any) -> str:
    """All readings of a dictionary entry: one string, or one per part of speech."""
    return "".join(filter(None, entry.values())) if isinstance(entry, dict) else entry or ""


def _words(tokens: list[Any], stripped: int) -> Iterator[Word]:
    """Join tokens without a space or punctuation between them; `stripped` characters are missing at the front."""
    written, start, end, position = "", 0, 0, -stripped
    for token in tokens:
        sound = token.phonemes or ""
        core = sound.strip(MARKS)
        if core:
            lead = len(sound) - len(sound.lstrip(MARKS))
            if not written or lead:
                if written:
                    yield Word(_bare(written), start, end)
                written, start = "", position + lead
            written += token.text
            end = position + lead + len(core)
        position += len(sound) + bool(token.whitespace)
        closes = token.whitespace or sound.strip(MARKS) != sound.lstrip(MARKS) or not core
        if closes and written:
            yield Word(_bare(written), start, end)
            written = ""
    if written:
        yield Word(_bare(written), start, end)


def _bare(written: str) -> str:
    """A word without the punctuation around it; the last stop of "U.S." and an apostrophe are parts of the word."""
    bare = written.strip(MARKS.replace("'", ""))
    return f"{bare}." if re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", bare) and written.endswith(".") else bare or written


def _import_g2p() -> tuple[Any, Any]:
    """hibari's G2P class and its network for unknown words, but not its text rules: ours have been there.

    `import hibari` loads its synthesiser and, if installed, scipy: 0.2 s that a G2P does not need. An empty package in
    its place lets hibari.g2p be imported alone; it is removed at once, so a later `import hibari` is the real one.
    """
    spec = importlib.util.find_spec("hibari")
    if spec is None:
        raise ImportError("speaking English needs hibari-tts, which is not installed; pip install hibari-tts")
    bare = "hibari" not in sys.modules
    if bare:
        sys.modules["hibari"] = importlib.util.module_from_spec(spec)
    try:
        from hibari.g2p import G2P
        from hibari.g2p.oov import OOV
    finally:
        if bare:
            del sys.modules["hibari"]
    return G2P, OOV
