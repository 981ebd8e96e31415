from benchmarks.judges.error_rates import character_errors, word_errors


def test_errors_count_edits_of_the_reference():
    assert character_errors("the cat", "the cart") == (1, 7)
    assert word_errors("the cat sat", "a cat sat down") == (2, 3)
    assert word_errors("the cat sat", "") == (3, 3)
    assert character_errors("ab", "") == (2, 2)
