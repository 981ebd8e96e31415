import random

import pytest

from speechllm.text.tokenizer import EOS_ID, Tokenizer

ALPHABET = " !,.?AIOTWYabdfhijklmnpstuvwzæðŋɐɑɔəɛɜɡɪɹʃʊʌʒʤʧˈˌθᵊᵻ—"
LINES = ["həlˈO ðˈɛɹ.", "ðə kwˈɪk bɹˈWn fˈɑks, ʤˈʌmps!", "ʃi sˈɛlz sˈiʃˌɛlz bI ðə sˈiʃˌɔɹ."] * 40
KINDS = [("char", 80), ("unigram", 90), ("bpe", 90)]


def trained(kind=("char", 80)):
    return Tokenizer.train(LINES, kind[1], kind[0], ALPHABET)


@pytest.mark.parametrize("kind", KINDS)
def test_any_string_of_known_characters_survives_the_round_trip(kind):
    tokenizer, rng = trained(kind), random.Random(0)
    strings = ["", " ", "  həlˈO   ðˈɛɹ. ", *LINES[:3]]
    strings += ["".join(rng.choices(ALPHABET, k=rng.randrange(60))) for _ in range(200)]
    for text in strings:
        assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("kind", KINDS)
def test_spans_are_where_the_tokens_are(kind):
    tokenizer = trained(kind)
    for text in LINES[:3]:
        ids, spans = tokenizer.encode(text), tokenizer.spans(text)
        assert [text[start:end] for start, end in spans] == [tokenizer.decode([i]) for i in ids]
        assert "".join(text[start:end] for start, end in spans) == text


def test_larger_vocabularies_merge_characters():
    tokenizer = trained(("bpe", 90))
    assert len(tokenizer.encode(LINES[0])) < len(LINES[0])


def test_characters_absent_from_the_corpus_are_known_and_none_is_a_special_id():
    tokenizer = trained()
    assert "ʒ" not in "".join(LINES)
    assert tokenizer.characters == set(ALPHABET)
    ids = tokenizer.encode(ALPHABET)
    assert min(ids) == EOS_ID + 1
    assert max(ids) == tokenizer.vocab_size - 1
    assert len(set(ids)) == len(ALPHABET)


@pytest.mark.parametrize("text", ["xə", "ə▁", "ə\n", "<s>"])
def test_unknown_characters_are_named(text):
    tokenizer = trained()
    for method in (tokenizer.encode, tokenizer.spans):
        with pytest.raises(ValueError, match="never seen") as caught:
            method(text)
        assert all(repr(char) in str(caught.value) for char in set(text) - set(ALPHABET))


def test_a_saved_tokenizer_is_the_same_and_nothing_is_left_beside_it(tmp_path):
    tokenizer, path = trained(), tmp_path / "new" / "tokenizer.model"
    tokenizer.save(path)
    again = Tokenizer.load(path)
    assert again.fingerprint == tokenizer.fingerprint
    assert again.encode(LINES[0]) == tokenizer.encode(LINES[0])
    assert list(path.parent.iterdir()) == [path]
    assert Tokenizer.train(LINES, 80).fingerprint != tokenizer.fingerprint


def test_a_missing_or_foreign_file_is_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent.model does not exist.*train_tokenizer"):
        Tokenizer.load(tmp_path / "absent.model")
    foreign = tmp_path / "foreign.model"
    for content in (b"", b"not a model"):
        foreign.write_bytes(content)
        with pytest.raises(ValueError, match="foreign.model is not a sentencepiece model"):
            Tokenizer.load(foreign)


def test_impossible_training_is_refused():
    with pytest.raises(ValueError, match="expected phoneme strings"):
        Tokenizer.train([" "], 80)
    with pytest.raises(ValueError, match=r"vocab_size 10, expected at least \d+"):
        Tokenizer.train(LINES, 10)
    with pytest.raises(ValueError, match="model_type 'word'"):
        Tokenizer.train(LINES, 80, "word")
