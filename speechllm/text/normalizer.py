"""Written form -> spoken form: "Dr. Smith paid $3.50" -> "Doctor Smith paid three dollars fifty cents".

Plain words and punctuation pass in microseconds. Only spans with a number reach NeMo's text normalisation grammars
(Apache-2.0); they load when first needed, and are built once (half a minute) and kept in a cache folder. This file is
the only one that imports nemo_text_processing.
"""

import contextlib
import importlib.metadata
import logging
import os
import re
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from speechllm.text import written_forms
from speechllm.text.cleaning import clean

logger = logging.getLogger(__name__)

# Anything that could be spoken differently from how it is written; without a match the text is its own spoken form.
NOT_PLAIN = re.compile(
    r"[^A-Za-z ,;:.!?'—-]|\s{2}|[A-Z]{2}|[A-Z]\."
    r"|[,;:.!?]\S|—[,;:.!?— ]|--|(?<!\w)[',;:.!?—-]|['-](?!\w)"
    r"|\b(?:Mrs?|Ms|Dr|Prof|St|vs)\b|\b[A-Za-z]{1,6}\.(?=.)|\b(?:etc|Inc|Ltd|Co|Corp|Jr|Sr|al|Ave|Blvd|Rd|Ln)\.$"
    r"|\b(?:[Aa]$|A [A-Z]\b|[A-Za-z]+ A\b)"
)
NUMERIC = re.compile(r"[\d$€£¥°]")
MONTHS = re.compile("|".join(rf"\b{month.lower()}\b" for month in written_forms.MONTHS))
LONGEST_RUN = 20  # tokens; the grammar's time and memory grow faster than its input


class Normalizer:
    """Turns one sentence into the words that are spoken. Safe to share between threads."""

    def __init__(self, language: str = "en", cache_dir: Path | None = None):
        """
        Args:
            language: "en"; no other language is supported yet.
            cache_dir: folder for the built grammars; by default $LFSC_CACHE, else the user's cache folder.
        """
        if language != "en":
            raise ValueError(
                f"got language {language!r}, expected 'en'; train a voice and add rules for other languages"
            )
        self.cache_dir = cache_dir
        self._grammar: Any = None
        self._lock = threading.Lock()  # NeMo's parser keeps state during a call

    def normalize(self, text: str) -> str:
        """Spoken form of `text`: letters, apostrophes, hyphens and `,.;:!?—`. Normalising twice changes nothing.

        Raises:
            ValueError: nothing to say (empty, punctuation, emoji), or a script the voice cannot speak.
        """
        stripped = text.strip()
        if stripped and not NOT_PLAIN.search(stripped):
            return stripped
        spoken = written_forms.expand(written_forms.quiet(written_forms.unquote(clean(text))))
        if NUMERIC.search(spoken):
            spoken = self._read_numbers(spoken)
        spoken = written_forms.settle(spoken)
        if not re.search(r"[A-Za-z]", spoken):
            shown = repr(text if len(text) <= 40 else text[:39] + "…")
            raise ValueError(
                f"got {shown}, which has nothing to say; expected at least one word or number; write some text"
            )
        return spoken

    def warm(self) -> None:
        """Load the grammars, building them first where the cache has none (half a minute, once)."""
        with self._lock:
            self._load()

    def _read_numbers(self, text: str) -> str:
        """Pass every run of tokens with numbers through the grammar, with one neighbour each side for context."""
        tokens = text.split(" ")
        numeric = [bool(NUMERIC.search(token)) for token in tokens]
        inside = [any(numeric[max(i - 1, 0) : i + 2]) for i in range(len(tokens))]
        out: list[str] = []
        start = 0
        for i in range(1, len(tokens) + 1):
            if i == len(tokens) or inside[i] != inside[start] or i - start == LONGEST_RUN:
                run = " ".join(tokens[start:i])
                out.append(self._read_run(run) if inside[start] else run)
                start = i
        return " ".join(out)

    def _read_run(self, run: str) -> str:
        if len(run) > 20 * LONGEST_RUN:
            return run  # no number that anyone writes; it will be read digit by digit
        with self._lock:
            spoken = str(self._load().normalize(run))
        return MONTHS.sub(lambda m: m[0] if m[0] in run else m[0].capitalize(), spoken)

    def _load(self) -> Any:
        """The grammar; call it with the lock held."""
        if self._grammar is None:
            try:
                from nemo_text_processing.text_normalization.normalize import Normalizer as Grammar
            except ImportError as error:
                raise ImportError(
                    f"numbers need nemo_text_processing, which fails ({error}); pip install nemo_text_processing"
                ) from error
            logging.getLogger("NeMo-text-processing").setLevel(logging.WARNING)  # it logs every file at INFO
            folder = self._cache_folder()
            if not folder.is_dir():
                self._build(Grammar, folder)
            try:
                self._grammar = Grammar(input_case="cased", lang="en", cache_dir=str(folder))
            except Exception as error:  # pynini has no common base; a damaged file is a cache to build again
                logger.warning("the number grammars in %s do not load (%s); building them again", folder, error)
                shutil.rmtree(folder)
                self._build(Grammar, folder)
                self._grammar = Grammar(input_case="cased", lang="en", cache_dir=str(folder))
        return self._grammar

    def _cache_folder(self) -> Path:
        """One folder per version, so that an upgrade never reads old grammars."""
        parent = self.cache_dir
        if parent is None and os.environ.get("LFSC_CACHE"):
            parent = Path(os.environ["LFSC_CACHE"]) / "normalizer"
        if parent is None:
            parent = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lfsc-tts" / "normalizer"
        versions = [importlib.metadata.version(name) for name in ("nemo_text_processing", "pynini")]
        return parent / f"en-{'-'.join(versions)}"

    @staticmethod
    def _build(grammar: Any, folder: Path) -> None:
        """Build into a temporary folder and rename it: what bears the final name is whole."""
        logger.warning("building the number grammars in %s; this takes half a minute and happens once", folder)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        except OSError as error:
            raise ValueError(
                f"got {folder.parent} as cache folder, which cannot be written ({error.strerror}); "
                "set LFSC_CACHE to a folder that can"
            ) from None
        try:
            grammar(input_case="cased", lang="en", cache_dir=str(partial))
            with contextlib.suppress(OSError):  # another process was first: its folder is as good
                partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
