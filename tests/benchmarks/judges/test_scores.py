import numpy as np
import pytest

from benchmarks.judges.scores import (
    bootstrap_interval,
    bootstrap_mean,
    character_errors,
    normalize_transcript,
    word_errors,
)


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


def test_errors_count_edits_of_the_reference():
    assert character_errors("the cat", "the cart") == (1, 7)
    assert word_errors("the cat sat", "a cat sat down") == (2, 3)
    assert word_errors("the cat sat", "") == (3, 3)
    assert character_errors("ab", "") == (2, 2)


def test_rate_is_pooled_not_a_mean_of_ratios():
    rate = bootstrap_interval([1, 0], [1, 99])
    assert rate.value == pytest.approx(0.01)
    assert rate.low <= rate.value <= rate.high


def test_interval_covers_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(0)
    found = [bootstrap_interval(rng.binomial(40, 0.1, 60), [40] * 60, seed, 300) for seed in range(200)]
    assert 0.90 <= np.mean([interval.low <= 0.1 <= interval.high for interval in found]) <= 0.99


def test_interval_repeats_with_its_seed_and_narrows_with_more_sentences():
    values = np.random.default_rng(1).normal(4, 0.5, 400).tolist()
    few, many = bootstrap_mean(values[:20], 3), bootstrap_mean(values, 3)
    assert few == bootstrap_mean(values[:20], 3) != bootstrap_mean(values[:20], 4)
    assert many.high - many.low < (few.high - few.low) / 2
    assert many.value == pytest.approx(np.mean(values))
    assert many.high - many.low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.2)


@pytest.mark.parametrize(("errors", "totals"), [([], []), ([1], [1, 2]), ([1], [0])])
def test_impossible_counts_are_refused(errors, totals):
    with pytest.raises(ValueError, match="expected"):
        bootstrap_interval(errors, totals)
