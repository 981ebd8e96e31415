import pytest

pytest.importorskip("hibari", reason="hibari-tts is not installed")
from speechllm.text.frontend import TextFrontend
from speechllm.text.normalizer import Normalizer
from speechllm.text.phonemizer import Phonemizer
from speechllm.text.tokenizer import Tokenizer

HARD = """A|x|Hi!|I.B.M.|e.g. this|O'Brien's|rock 'n' roll|C++|#hashtag @user|Mr. & Mrs. Smith
no no no no no no no no no no no no|THIS IS ALL CAPS|"Quoted," she said.|yes—no|(in parentheses)|Well…
pneumonoultramicroscopicsilicovolcanoconiosis|qwertzuiopasdfghjklyxcvbnmqwertzuiop|user.name@example.com
https://example.org/a?b=1"""
NUMBERS = """12|$3.50|3.14159|2024-11-24|1st 2nd 3rd|10:45am|5'11"|50/50|World War II|Chapter IX|100,000,000|No. 5
+1 (555) 123-4567|20°C|50%|1/2"""
SPLIT = [text for line in [*HARD.splitlines(), *NUMBERS.splitlines()] for text in line.split("|")]


@pytest.fixture(scope="module")
def parts():
    phonemizer = Phonemizer()
    lines = [
        phonemizer(text).text for text in ("Hello there, my friend.", "How do you do?", "She sells sea shells.")
    ] * 50
    return (
        Normalizer(),
        phonemizer,
        {kind: Tokenizer.train(lines, size, kind, phonemizer.alphabet) for kind, size in (("char", 80), ("bpe", 120))},
    )


@pytest.mark.parametrize("kind", ["char", "bpe"])
@pytest.mark.parametrize("text", SPLIT)
def test_hard_text_becomes_ids_and_every_word_its_tokens(parts, kind, text):
    normalizer, phonemizer, tokenizers = parts
    output = TextFrontend(normalizer, phonemizer, tokenizers[kind])(text)
    assert output.ids
    assert tokenizers[kind].decode(output.ids) == output.phonemes
    assert output.phonemes.replace(".", "") == phonemizer(output.text).text.replace(".", "")
    assert output.words
    position = 0
    for word, spoken in zip(output.words, phonemizer(output.text).words, strict=True):
        assert position <= word.start_token < word.end_token <= len(output.ids)
        sound = tokenizers[kind].decode(output.ids[word.start_token : word.end_token])
        assert output.phonemes[spoken.start : spoken.end] in sound
        position = word.end_token


@pytest.mark.parametrize(
    ("text", "end"),
    [("Good day", "A."), ("Good day.", "A."), ("Good day?!", "A?"), ("Good day,", "A."), ("Good day —", "A.")]
    + [('He said "no"', "O."), ('He said "no!"', "O!"), ("(Good day)", "A."), ("Well…", "l.")],
)
def test_a_text_ends_as_those_of_the_training_do(parts, text, end):
    normalizer, phonemizer, tokenizers = parts
    output = TextFrontend(normalizer, phonemizer, tokenizers["char"])(text)
    assert output.phonemes.endswith(end) and len(output.words) == len(text.replace("—", "").split())
    last = output.words[-1]
    assert output.phonemes[last.start_token : last.end_token][-1].isalpha()


def test_no_full_stop_where_the_tokenizer_has_none(parts):
    normalizer, phonemizer, _ = parts
    tokenizer = Tokenizer.train([phonemizer("Good day").text] * 50, 12, "char")
    assert TextFrontend(normalizer, phonemizer, tokenizer)("Good day").phonemes == phonemizer("Good day").text


def test_as_many_words_are_timed_as_are_spoken(parts):
    normalizer, phonemizer, tokenizers = parts
    output = TextFrontend(normalizer, phonemizer, tokenizers["char"])(
        "Mr. O'Brien said: no—never again, not twelve times!"
    )
    spoken = ["Mister", "O'Brien", "said", "no", "never", "again", "not", "twelve", "times"]
    assert [word.text for word in output.words] == spoken


def test_nothing_to_say_is_an_error(parts):
    normalizer, phonemizer, tokenizers = parts
    with pytest.raises(ValueError, match="nothing to say"):
        TextFrontend(normalizer, phonemizer, tokenizers["char"])("…")
