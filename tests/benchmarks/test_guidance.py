"""What guidance is worth: errors and cost of each weight, people in turn."""

from benchmarks.guidance import TUNING, line, measure
from benchmarks.texts.sentence_list import SENTENCES, read_sentences
from stand_ins import Deaf, Speaker


def test_people_take_turns_and_what_was_not_heard_is_counted():
    asked: list[tuple] = []
    rows = measure([Speaker(asked, "a"), Speaker(asked, "b")], ["One two", "One", "One"], 1.5, Deaf())
    assert [name for name, _, _ in asked] == ["a", "b", "a"]
    assert all(options == {"guidance": 1.5, "watermark": False} for *_, options in asked)
    assert [(row["errors"], row["total"], row["speech_s"]) for row in rows] == [(4, 7, 2.0), (0, 3, 2.0), (0, 3, 2.0)]


def test_a_line_pools_characters_and_says_what_speech_costs():
    rows = [dict(errors=e, total=10, core_s=0.2, speech_s=2.0) for e in (0, 1, 5, 0)]  # a tenth is bad already
    weight, rate, bad, cost = line(2.0, rows)
    assert (weight, bad, cost) == ("2", "2 of 4", "0.100")
    assert rate.startswith("15.00 ")


def test_settings_are_not_chosen_by_what_is_measured_with():
    tuning = read_sentences(TUNING)
    assert len(tuning) == len(set(tuning)) >= 200
    assert not set(tuning) & set(read_sentences(SENTENCES))
