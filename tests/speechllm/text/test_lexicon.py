"""Words with a pronunciation of their own: files, respellings, and what is around them."""

import pytest

from speechllm.text.frontend import TextFrontend
from speechllm.text.lexicon import Lexicon, mark_inline
from speechllm.text.marks import MARK, Break, Sounds, as_written, decode, encode, without_marks
from speechllm.text.normalizer import Normalizer
from speechllm.text.phonemizer import Phonemizer
from speechllm.text.respelling import pronounce
from speechllm.text.tokenizer import Tokenizer

LEXICON = "# names\nNguyen\tnwˈɪn\n\nacme\tAK-mee\nSan José\t/sˌæn hOzˈA/\n"


@pytest.fixture(scope="module")
def frontend(tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "words.tsv"
    path.write_text(LEXICON, "utf-8")
    phonemizer = Phonemizer()
    tokenizer = Tokenizer.train(["həlˈO."], 200, "char", phonemizer.alphabet)
    return TextFrontend(Normalizer(), phonemizer, tokenizer, Lexicon.load(path))


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("I met Nguyen.", "ˌI mˈɛt nwˈɪn."),
        ("Nguyen's dog, 'Nguyen' (Nguyen)!", "nwˈɪnz dˈɔɡ, nwˈɪn, nwˈɪn!"),
        ("ACME, Acme and acme.", "ˈækmi, ˈækmi ænd ˈækmi."),
        ("In San José and San José's.", "ɪn sˌæn hOzˈA ænd sˌæn hOzˈAz."),
        ("The [[ˈIlən]] and the [[NAH-vee-uhl]].", "ði ˈIlən ænd ðə nˈɑviəl."),
        ("[[tʃaɪˈkɒvski]]", "ʧIkˈɑvski."),
        ("An Nguyen-Smith", "ɐn nwˈɪn smˈɪθ."),
        ("nguyen acmes", None),  # written otherwise, and another word: as the G2P reads them
    ],
)
def test_words_are_said_as_given(frontend, text, phonemes):
    found = frontend(mark_inline(text))
    if phonemes is None:
        bare = TextFrontend(frontend.normalizer, frontend.phonemizer, frontend.tokenizer)
        assert found == bare(text)
        return
    assert found.phonemes == phonemes
    assert frontend.tokenizer.decode(found.ids) == found.phonemes


def test_given_words_have_their_place_and_their_name(frontend):
    found = frontend(mark_inline("I met Nguyen's [[nˈɑviəl]] in San José today."))
    said = {word.text: found.phonemes[word.start_token : word.end_token] for word in found.words}
    assert said["Nguyen's"] == "nwˈɪnz" and said["nˈɑviəl"] == "nˈɑviəl" and said["San José"] == "sˌæn hOzˈA"
    assert list(said)[-1] == "today" and said["today"] == "tədˈA"
    assert found.text == "I met Nguyen's nˈɑviəl in San José today."


def test_a_break_is_a_pause_on_its_punctuation(frontend):
    mark = encode(Break(0.25))
    found = frontend(f"One {mark} two, {mark} Nguyen; {mark}three {mark} four — five.")
    assert found.phonemes == "wˈʌn, tˈu, nwˈɪn; θɹˈi, fˈɔɹ—fˈIv."
    assert found.text == "One, two, Nguyen; three, four—five."
    pauses = [(found.phonemes[pause.token], pause.duration_s) for pause in found.pauses]
    assert pauses == [(",", 0.25), (",", 0.25), (";", 0.25), (",", 0.25), ("—", None)]


def test_a_break_at_the_end_is_a_pause_on_its_full_stop(frontend):
    found = frontend(f"One, two {encode(Break(0.25))}")
    assert found.phonemes == "wˈʌn, tˈu."
    assert [(found.phonemes[pause.token], pause.duration_s) for pause in found.pauses] == [(".", 0.25)]


def test_many_given_words_in_one_sentence(frontend):
    text = " ".join(["[[ˈIlən]]", "[[nˈɑviəl]]"] * 40)
    assert frontend(mark_inline(text)).phonemes == " ".join(["ˈIlən", "nˈɑviəl"] * 40) + "."


@pytest.mark.parametrize(
    ("written", "phonemes"),
    [
        ("NAH-vee-uhl", "nˈɑviəl"),
        ("shuh-VAWN", "ʃəvˈɔn"),
        ("JIF", "ʤˈɪf"),
        ("jif", "ʤˈɪf"),
        ("WOO-ster-SHEER", "wˈustəɹʃˌɪɹ"),
        ("her-MY-uh-nee", "həɹmˈIəni"),
        ("KWAY-zahr", "kwˈAzɑɹ"),
        ("buh-ROW", "bəɹˈW"),
        ("ˈnɑːviəl", "nˈɑviəl"),
        ("/dʒɪf/", "ʤɪf"),
        ("həlˈO", "həlˈO"),
    ],
)
def test_respellings_and_ipa(written, phonemes):
    assert pronounce(written) == phonemes


@pytest.mark.parametrize("written", ["xyz-QQQ", "hello-WORLD", "strngth"])
def test_what_cannot_be_read_is_refused(written):
    with pytest.raises(ValueError, match="whose syllable .* cannot be read; expected consonants, one of the vowels"):
        pronounce(written)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"word", "words.tsv:1: got 'word'; expected a word, a tab"),
        (b"\n# x\nword\t", "words.tsv:3: got 'word"),
        (b"a\tb\tc", "words.tsv:1: got"),
        (b"word\tqqq-qqq", "words.tsv:1: got 'qqq-qqq', whose syllable"),
        (b"...\tDOT", "words.tsv:1: got '...'; expected a word that begins and ends with a letter"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (None, "does not exist; expected a lexicon"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "words.tsv").write_bytes(content)
    with pytest.raises((ValueError, FileNotFoundError)) as refused:
        Lexicon.load(tmp_path / "words.tsv")
    assert message in str(refused.value)


def test_sounds_that_a_voice_lacks_are_refused(frontend):
    with pytest.raises(ValueError, match="got 'q' in 'qˈɑ' for word; this voice has"):
        Lexicon({"word": "qˈɑ"}).check(frontend.tokenizer.characters)
    with pytest.raises(ValueError, match="got 'ʘ' in 'ʘə'; this voice has"):
        frontend.check(mark_inline("Say [[ʘə]]."))
    with pytest.raises(ValueError, match="expected one word at a time"):
        mark_inline(f"[[{'ə' * 200}]]")


def test_footnotes_are_no_phonemes():
    for text in ("See [[1]].", "See [[a]](#note).", "See [a] and [[]]."):
        assert mark_inline(text) == text


def test_marks_say_what_they_hold():
    for item in (Sounds("nˈɑviəl", "Navial"), Sounds("ə"), Break(0.5)):
        assert decode(encode(item)) == item and MARK.fullmatch(encode(item))
    text = f"a {encode(Sounds('ə', 'Navial'))} {encode(Break(1))} {encode(Sounds('ə'))}."
    assert as_written(text) == "a Navial [[ə]]."
    assert without_marks(encode(Break(1))) == "X"
