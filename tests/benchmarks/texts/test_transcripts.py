import pytest

from benchmarks.texts.transcripts import normalize_transcript


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("In nineteen sixty-nine, roughly six hundred million people", "In 1969 roughly 600 million people"),
        ("Thirty-three thirsty thrushes", "33 thirsty thrushes."),
        ("twelve milligrams", "12 milligrams"),
        ("one thousand, nine hundred and sixty-nine", "1,969"),
        ("twenty ten, two thousand five, nineteen hundred, eleven oh five", "2010, 2005, 1900, 1105"),
        ("zero zero seven", "007"),
        ("three point one four", "3.14"),
        ("the twenty-first, twelfth, fifth, eighth, ninth and fourth", "the 21st, 12th, 5th, 8th, 9th and 4th"),
        ("the thirtieth and the one hundredth", "the 30th and the 100th"),
        ("the nineteen sixties and the nineties", "the 1960s and the 90s"),
        ("three dollars and fifty cents", "$3.50"),
        ("two point five million pounds", "£2.5 million"),
        ("at seven fifteen, seven oh five or seven", "at 7:15, 7:05, or 7:00"),
        ("fifty percent", "50%"),
        ("It’s the U.S. and naïve — okay?", "its the US & naive, OK"),
        ("Mister and missus Smith", "Mr. and Mrs. Smith"),
    ],
)
def test_what_sounds_alike_is_written_alike(written, heard):
    assert normalize_transcript(written) == normalize_transcript(heard)


def test_normalised_text_is_plain_words_and_stays_as_it_is():
    text = normalize_transcript("  Well-known: 1,234.5 «naïve» words; 12345678901234567 e2e5 ½!  ")
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz ") and "  " not in text and text == text.strip()
    assert normalize_transcript(text) == text
    assert normalize_transcript("?! —") == ""


def test_what_sounds_different_stays_different():
    assert normalize_transcript("1969 people") != normalize_transcript("1,969 people")
    assert normalize_transcript("salt and pepper") == "salt and pepper"
    assert normalize_transcript("two hundred and many") == "two hundred and many"
