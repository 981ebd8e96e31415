from benchmarks.timing.clocks import Laps


def test_stages_are_together_the_whole():
    laps = Laps(iter([1.0, 3.0, 4.0, 8.0]).__next__)
    for stage in ("text", "lm", "text"):
        laps.end(stage)
    assert laps.seconds == {"text": 6.0, "lm": 1.0}
    assert laps.total == 7.0
