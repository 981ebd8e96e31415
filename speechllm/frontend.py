"""The text side of speaking as one object: sentence -> normaliser -> phonemiser -> ids, and the tokens of each word."""

from typing import NamedTuple

from speechllm.normalizer import Normalizer
from speechllm.phonemizer import Phonemizer
from speechllm.tokenizer import Tokenizer


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
