"""The text side of speaking as one object: sentence -> normaliser -> phonemiser -> ids, and the tokens of each word."""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from speechllm.text.lexicon import Lexicon, Pause, check_sounds, mask, unmask, unmask_text
from speechllm.text.marks import Break, Sounds
from speechllm.text.normalizer import Normalizer
from speechllm.text.phonemizer import Phonemes, Phonemizer
from speechllm.text.tokenizer import Tokenizer

DASH = re.compile("(?<=.)—(?=.)")
ENDS, CLAUSES, CLOSING = ".!?…", " ,;:—", ' )"”'  # what ends a text, a part of one, and what stands behind both
NO_WORDS = Lexicon()


class SpokenWord(NamedTuple):
    """A spoken word and its half-open span of tokens."""

    text: str
    start_token: int
    end_token: int


class TokenPause(NamedTuple):
    """A rest inside a sentence, on the token of its punctuation."""

    token: int
    duration_s: float | None = None  # in seconds; None for a dash: as long as whoever speaks rests there


class Reading(NamedTuple):
    """How a sentence is read."""

    sentence: str  # as written
    spoken: str  # the words that are said
    phonemes: str


class FrontendOutput(NamedTuple):
    """One sentence on its way to the speech LM; spans in `words` ascend and do not overlap."""

    text: str  # spoken form
    phonemes: str
    ids: list[int]
    words: list[SpokenWord]
    # What the text asks of generation where the LM has no reader to rely on:
    sampling: Mapping[str, Any] = MappingProxyType({})  # fields of SamplingConfig
    tries: int = 1  # to choose from
    min_plausible_frames: int = 0  # fewer are not all of the text
    pauses: Sequence[TokenPause] = ()  # inside the sentence, in order


class Frontend(Protocol):
    """The text side of any voice."""

    reads_phonemes: bool  # so that words can be given with their sounds

    def __call__(self, sentence: str) -> FrontendOutput:
        """Prepare one sentence; ValueError where there is nothing to say or it cannot be spoken."""

    def check(self, sentence: str) -> None:
        """Raise that ValueError without preparing anything."""

    def load(self) -> None:
        """Read what would otherwise be read with the first sentence."""


class TextFrontend:
    """Sentence as written -> what the speech LM reads.

    Args:
        normalizer, phonemizer, tokenizer: of the voice.
        lexicon: words with a pronunciation of their own.
    """

    reads_phonemes = True

    def __init__(
        self, normalizer: Normalizer, phonemizer: Phonemizer, tokenizer: Tokenizer, lexicon: Lexicon = NO_WORDS
    ):
        self.normalizer = normalizer
        self.phonemizer = phonemizer
        self.tokenizer = tokenizer
        self.lexicon = lexicon

    def __call__(self, sentence: str) -> FrontendOutput:
        """Prepare one sentence, as `split_sentences` gives it.

        Raises:
            ValueError: nothing to say, or text the voice cannot speak; the message says which.
        """
        text, (phonemes, spoken), breaks = self.read(sentence)
        spans = self.tokenizer.spans(phonemes)
        words, first = [], 0
        for word in spoken:
            # A token belongs to the first word it touches: an aligner on it then reads that word.
            while first < len(spans) and spans[first][1] <= word.start:
                first += 1
            last = first
            while last < len(spans) and spans[last][0] < word.end:
                last += 1
            words.append(SpokenWord(word.text, first, last))
            first = last
        pauses = [TokenPause(_token_at(spans, place), duration_s) for place, duration_s in breaks]
        pauses += [TokenPause(_token_at(spans, match.start())) for match in DASH.finditer(phonemes)]
        ids = self.tokenizer.encode(phonemes)
        return FrontendOutput(text, phonemes, ids, words, pauses=sorted(pauses, key=itemgetter(0)))

    def read(self, sentence: str) -> tuple[str, Phonemes, list[Pause]]:
        """The spoken form of a sentence, its phonemes, and the breaks in it; raises as `__call__`."""
        masked, marks = mask(self.lexicon.mark(sentence))
        self._check_marks(marks)
        text = self.normalizer.normalize(masked)
        said = self.phonemizer(text)
        pauses: list[Pause] = []
        if marks:
            text, (said, pauses) = unmask_text(text, marks), unmask(said, marks)
        return text, said._replace(text=ended(said.text, self.tokenizer)), pauses

    def check(self, sentence: str) -> None:
        """See Frontend."""
        masked, marks = mask(self.lexicon.mark(sentence))
        self._check_marks(marks)
        self.normalizer.normalize(masked)

    def with_words(self, words: Lexicon) -> "TextFrontend":
        """The same, not to be used at the same time, with words that go before its own."""
        return TextFrontend(self.normalizer, self.phonemizer, self.tokenizer, self.lexicon | words)

    def _check_marks(self, marks: Mapping[str, Sounds | Break]) -> None:
        for item in marks.values():
            if isinstance(item, Sounds):
                check_sounds(item, self.tokenizer.characters)

    def load(self) -> None:
        """See Frontend."""
        self.phonemizer.load()


def ended(phonemes: str, tokenizer: Tokenizer) -> str:
    """Phonemes with a full stop where nothing ends them, in training and in speaking alike, or speech runs on."""
    body = phonemes.rstrip(CLOSING)
    if "." not in tokenizer.characters or not body or body[-1] in ENDS:
        return phonemes
    return f"{body.rstrip(CLAUSES)}.{phonemes[len(body) :].rstrip()}"


def _token_at(spans: Sequence[tuple[int, int]], place: int) -> int:
    """The token that holds a character of the phonemes."""
    return max(bisect_right(spans, place, key=itemgetter(0)) - 1, 0)
