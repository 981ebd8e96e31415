"""Phoneme string <-> ids, by sentencepiece; the only file that imports it.

Nothing is normalised, stripped or merged: `decode(encode(x)) == x`, and every token has its place in the string.
"""

import contextlib
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

import sentencepiece

PAD_ID, UNK_ID, BOS_ID, EOS_ID = 0, 1, 2, 3
SPACE = "▁"  # how sentencepiece writes a space inside a piece


class Tokenizer:
    """A trained tokenizer. Ids 0 to 3 are pad, unknown, begin and end; `encode` returns none of them."""

    def __init__(self, model: bytes):
        """
        Args:
            model: a serialised sentencepiece model, as `save` writes it.
        """
        self.model = model
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        pieces = (self._processor.id_to_piece(i) for i in range(EOS_ID + 1, self.vocab_size))
        self.characters = frozenset("".join(pieces).replace(SPACE, " "))

    @classmethod
    def train(
        cls, lines: Iterable[str], vocab_size: int, model_type: str = "char", required_characters: str = ""
    ) -> "Tokenizer":
        """Train on phoneme strings.

        Args:
            lines: one utterance each; consumed once.
            vocab_size: upper bound; a "char" model has as many ids as it needs.
            model_type: "char", "unigram" or "bpe".
            required_characters: known afterwards even if no line holds them.

        Raises:
            ValueError: no lines, an unknown model_type, or a vocab_size below the number of characters.
        """
        if model_type not in ("char", "unigram", "bpe"):
            raise ValueError(
                f"got model_type {model_type!r}, expected 'char', 'unigram' or 'bpe'; 'char' is the default"
            )
        lines = [line for line in lines if line.strip()]
        if not lines:
            raise ValueError("got no text to train on, expected phoneme strings; is the manifest empty?")
        needed = len(set(required_characters).union(*lines)) + EOS_ID + 1
        if vocab_size < needed:
            raise ValueError(f"got vocab_size {vocab_size}, expected at least {needed} for these characters; raise it")
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            # A line of all required characters: sentencepiece's own option for it forgets the space.
            sentence_iterator=iter([*lines, *filter(None, [required_characters])]),
            model_writer=out,
            model_type=model_type,
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            required_chars=required_characters.replace(" ", ""),
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            split_by_unicode_script=False,  # IPA is several scripts; a piece may mix them
            max_sentence_length=1 << 20,  # bytes; longer lines would be skipped in silence
            pad_id=PAD_ID,
            unk_id=UNK_ID,
            bos_id=BOS_ID,
            eos_id=EOS_ID,
            num_threads=1,
            minloglevel=2,
        )
        return cls(out.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read a model written by `save`."""
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} does not exist; expected a tokenizer, made by pipelines/train_tokenizer.py"
            )
        with contextlib.suppress(RuntimeError):
            if model := path.read_bytes():
                return cls(model)
        raise ValueError(f"{path} is not a sentencepiece model; make one with pipelines/train_tokenizer.py")

    def save(self, path: Path) -> None:
        """Write the model, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.partial")
        temporary.write_bytes(self.model)
        temporary.replace(path)

    @property
    def vocab_size(self) -> int:
        """Number of ids, special ones included."""
        return int(self._processor.vocab_size())

    @property
    def fingerprint(self) -> str:
        """First 16 hex digits of the model's SHA-256; what was encoded by one tokenizer is never read by another."""
        return hashlib.sha256(self.model).hexdigest()[:16]

    def encode(self, phonemes: str) -> list[int]:
        """Ids of a phoneme string.

        Raises:
            ValueError: a character the tokenizer has never seen.
        """
        self._check(phonemes)
        return list(self._processor.encode(phonemes))

    def decode(self, ids: list[int]) -> str:
        """The phoneme string of `ids`; special ids have no text."""
        pieces = (self._processor.id_to_piece(i) for i in ids if i > EOS_ID)
        return "".join(pieces).replace(SPACE, " ")

    def spans(self, phonemes: str) -> list[tuple[int, int]]:
        """Half-open character span of each token of `encode(phonemes)`; together they cover the string."""
        self._check(phonemes)
        spans, end = [], 0
        for piece in self._processor.encode(phonemes, out_type=str):
            spans.append((end, end + len(piece)))
            end += len(piece)
        assert end == len(phonemes), (phonemes, spans)
        return spans

    def _check(self, phonemes: str) -> None:
        unknown = sorted(set(phonemes) - self.characters)
        if unknown:
            raise ValueError(
                f"got {', '.join(map(repr, unknown))} in {phonemes[:60]!r}, which this tokenizer has never seen; "
                f"expected characters of {''.join(sorted(self.characters))!r}; use the phonemiser it was trained with"
            )
