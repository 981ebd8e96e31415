"""Written form -> spoken form: "Dr. Smith paid $3.50" -> "Doctor Smith paid three dollars fifty cents".

Plain words and punctuation pass in microseconds. Only spans with a number reach the grammar, which loads when first
needed, in about 20 ms.
"""

import re
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speechllm.text.grammar import Grammar

# Anything that could be spoken differently from how it is written; without a match the text is its own spoken form.
NOT_PLAIN = re.compile(
    r"[^A-Za-z ,;:.!?'—-]|\s{2}|[A-Z]{2}|[A-Z]\."
    r"|[,;:.!?]\S|—[,;:.!?— ]|--|(?<!\w)[',;:.!?—-]|['-](?!\w)"
    r"|\b(?:Mrs?|Ms|Dr|Prof|St|vs)\b|\b[A-Za-z]{1,6}\.(?=.)|\b(?:etc|Inc|Ltd|Co|Corp|Jr|Sr|al|Ave|Blvd|Rd|Ln)\.$"
    r"|\b(?:[Aa]$|A [A-Z]\b|[A-Za-z]+ A\b|[aA] to [zZ]\b|A[-–]Z\b)"
    r"|[A-Z][a-z]{2,8}[-/–][A-Z]|\bM-F\b|\b(?:Mon|Tue|Tues|Wed|Thu|Thurs|Fri|Sat|Sun)\b"
    r"|[A-Z][a-z]+ [IVX]\b|\b[a-z]+ [ivxIVX]+\b(?<! I)"
    r"|\b(?:chapter|part|act|phase|stage|type|class|volume|book|section) I\b"
)
NUMERIC = re.compile(r"[\d$€£¥°]")
MONTH = re.compile(r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b")
LONGEST_RUN = 20  # tokens; the grammar's time and memory grow faster than its input
# The grammar takes up to 10 ms for a digit or a mark, 3 ms for a letter or a space. What a sentence has beyond this
# many milliseconds, some eighty digits and marks, is no text that anyone wrote, and is read digit by digit.
PATIENCE = 800


class Normalizer:
    """Turns one sentence into the words that are spoken. Safe to share between threads."""

    def __init__(self, language: str = "en"):
        """
        Args:
            language: "en"; no other language is supported yet.
        """
        if language != "en":
            raise ValueError(
                f"got language {language!r}, expected 'en'; train a voice and add rules for other languages"
            )
        self._grammar: Grammar | None = None
        self._lock = threading.Lock()

    def normalize(self, text: str) -> str:
        """Spoken form of `text`: letters, apostrophes, hyphens and `,.;:!?—`. Normalising twice changes nothing.

        Raises:
            ValueError: nothing to say (empty, punctuation, emoji), or a script the voice cannot speak.
        """
        stripped = text.strip()
        if stripped and not NOT_PLAIN.search(stripped):
            return stripped
        # Not before they are needed: a plain sentence is spoken without them.
        from speechllm.text.cleaning import clean
        from speechllm.text.rules.capitals import quiet
        from speechllm.text.rules.punctuation import settle, unquote
        from speechllm.text.rules.sequence import expand

        spoken = expand(quiet(unquote(clean(text))))
        if NUMERIC.search(spoken):
            spoken = self._read_numbers(spoken)
        spoken = settle(spoken)
        if not re.search(r"[A-Za-z]", spoken):
            shown = repr(text if len(text) <= 40 else text[:39] + "…")
            raise ValueError(
                f"got {shown}, which has nothing to say; expected at least one word or number; write some text"
            )
        return spoken

    def _read_numbers(self, text: str) -> str:
        """Pass every run of tokens with numbers through the grammar, with one neighbour each side for context."""
        tokens = text.split(" ")
        numeric = [bool(NUMERIC.search(token)) for token in tokens]
        inside = [any(numeric[max(i - 1, 0) : i + 2]) for i in range(len(tokens))]
        out: list[str] = []
        start, patience = 0, PATIENCE
        for i in range(1, len(tokens) + 1):
            if i == len(tokens) or inside[i] != inside[start] or i - start == LONGEST_RUN:
                run = " ".join(tokens[start:i])
                if inside[start]:
                    patience -= sum(3 if char.isalpha() or char == " " else 10 for char in run)
                    run = self._read_run(run) if patience > 0 else run
                out.append(run)
                start = i
        return " ".join(out)

    def _read_run(self, run: str) -> str:
        spoken = self._load().read(run)
        return MONTH.sub(lambda m: m[0] if m[0] in run else m[0].capitalize(), spoken)

    def _load(self) -> "Grammar":
        with self._lock:
            if self._grammar is None:
                from speechllm.text.grammar import Grammar

                self._grammar = Grammar()
            return self._grammar
