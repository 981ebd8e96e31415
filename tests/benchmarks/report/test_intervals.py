import numpy as np
import pytest

from benchmarks.report.intervals import (
    bootstrap_interval,
    bootstrap_mean,
    bootstrap_ratio,
    format_interval,
)


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


def test_a_ratio_of_medians_has_an_interval_around_it():
    found = bootstrap_ratio([4.0, 4.2, 3.8, 4.1], [1.0, 1.1, 0.9, 1.0])
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(4.05)
    assert bootstrap_ratio([2.0], [1.0]) == (2.0, 2.0, 2.0)


def test_an_interval_in_a_table():
    assert format_interval(bootstrap_mean([0.25]), 100, 1) == "25.0 [25.0, 25.0]"
    assert format_interval(None) == "–"
