"""The text side of speaking as one object: sentence -> normaliser -> phonemiser -> ids, and the tokens of each word."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from speechllm.text.normalizer import Normalizer
from speechllm.text.phonemizer import Phonemizer
from speechllm.text.tokenizer import Tokenizer


class SpokenWord(NamedTuple):
    """A spoken word and its half-open span of tokens."""

    text: str
    start_token: int
    end_token: int


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


class Frontend(Protocol):
    """The text side of any voice."""

    def __call__(self, sentence: str) -> FrontendOutput:
        """Prepare one sentence; ValueError where there is nothing to say or it cannot be spoken."""

    def check(self, sentence: str) -> None:
        """Raise that ValueError without preparing anything."""

    def load(self) -> None:
        """Read what would otherwise be read with the first sentence."""


class TextFrontend:
    """Sentence as written -> what the speech LM reads."""

    def __init__(self, normalizer: Normalizer, phonemizer: Phonemizer, tokenizer: Tokenizer):
        self.normalizer = normalizer
        self.phonemizer = phonemizer
        self.tokenizer = tokenizer

    def __call__(self, sentence: str) -> FrontendOutput:
        """Prepare one sentence, as `split_sentences` gives it.

        Raises:
            ValueError: nothing to say, or text the voice cannot speak; the message says which.
        """
        text = self.normalizer.normalize(sentence)
        phonemes, spoken = self.phonemizer(text)
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
        return FrontendOutput(text, phonemes, self.tokenizer.encode(phonemes), words)

    def check(self, sentence: str) -> None:
        """See Frontend."""
        self.normalizer.normalize(sentence)

    def load(self) -> None:
        """See Frontend."""
        self.phonemizer.load()
