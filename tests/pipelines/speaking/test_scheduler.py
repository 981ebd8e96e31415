"""The scheduler: each stream as alone, the most urgent first, slow and departed listeners in nobody's way."""

import threading

import numpy as np
import pytest

from pipelines.speaking.pieces import Piece
from pipelines.speaking.scheduler import MOST_WAITING, Scheduler, Stream
from pipelines.speaking.synthesis import TTS

TEXTS = ["Hello there, my old friend. How do you do?", "The quick brown fox.", "Jumps over the lazy dog! And again."]
RATE = 1000


class Clock:
    """Seconds that a test moves."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def pieces(name: str, count: int, log: list[str], gate: threading.Event | None = None):
    """Pieces of one second each; what is made is logged."""
    for _ in range(count):
        if gate:
            gate.wait(10)
        log.append(name)
        yield Piece(np.zeros(RATE, np.float32), np.zeros((8, 1), np.int64))


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_streams_side_by_side_are_what_they_are_alone(exported_voice, precision):
    tts = TTS.from_pretrained(str(exported_voice), precision=precision, threads=1)
    alone = [tts.synthesize(text, seed=seed).audio for seed, text in enumerate(TEXTS * 3)]
    with Scheduler(threads=2) as scheduler:
        streams = [scheduler.submit(tts.pieces([t], seed), tts.sample_rate) for seed, t in enumerate(TEXTS * 3)]
        beside: list = [None] * len(streams)

        def listen(index: int) -> None:
            beside[index] = np.concatenate([piece.audio for piece in streams[index]])

        listeners = [threading.Thread(target=listen, args=(index,)) for index in range(len(streams))]
        for listener in listeners:
            listener.start()
        for listener in listeners:
            listener.join()
    assert all(np.array_equal(one, other) for one, other in zip(alone, beside, strict=True))


def test_the_earliest_deadline_goes_first():
    gate, log, clock = threading.Event(), [], Clock()
    with Scheduler(threads=1, clock=clock) as scheduler:
        long = scheduler.submit(pieces("long", 3, log, gate), RATE / 5)  # pieces of five seconds
        short = scheduler.submit(pieces("short", 4, log, gate), RATE)  # of one second
        gate.set()
        list(long), list(short)
    # Nobody has heard anything: in the order of asking. Then whose audio ends at 1, 2, 3, 4 s goes before 5 s.
    assert log == ["long", *["short"] * 4, "long", "long"]


def test_newcomers_cause_no_gap():
    """Of two whose time is short, the one whose audio ends goes before the one who has been asking for a moment."""
    clock = Clock()
    with Scheduler(threads=1, clock=clock) as scheduler:
        begun, new = (Stream(scheduler, iter(()), RATE, 0.0) for _ in range(2))
        begun.add(Piece(np.zeros(100, np.float32), np.zeros((8, 1), np.int64)), now_s=0.0)
    assert begun.deadline_s == 0.1 < new.deadline_s


@pytest.mark.parametrize(("pause_s", "underruns", "late_s"), [(3.0, 1, 2.0), (0.5, 0, 0.0)])
def test_late_audio_is_counted(pause_s, underruns, late_s):
    clock = Clock()
    with Scheduler(threads=1, clock=clock) as scheduler:
        stream = scheduler.submit(slow(clock, pause_s), RATE)
        list(stream)
    assert (stream.underruns, stream.late_s) == (underruns, pytest.approx(late_s))


def slow(clock: Clock, pause_s: float):
    """One second of audio, and another after a pause."""
    piece = Piece(np.zeros(RATE, np.float32), np.zeros((8, 1), np.int64))
    yield piece
    clock.now_s += pause_s
    yield piece


def test_a_slow_reader_is_not_waited_for_and_gets_all():
    log: list[str] = []
    with Scheduler(threads=1) as scheduler:
        slow_reader = scheduler.submit(pieces("slow", 50, log), RATE)
        other = scheduler.submit(pieces("other", 50, log), RATE)
        assert len(list(other)) == 50
        assert log.count("slow") <= MOST_WAITING + 1
        assert len(list(slow_reader)) == 50


def test_whoever_leaves_frees_the_place():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield Piece(np.zeros(RATE, np.float32), np.zeros((8, 1), np.int64))
        finally:
            closed.set()

    with Scheduler(threads=1) as scheduler:
        stream = scheduler.submit(endless(), RATE)
        next(stream)
        stream.close()
        assert closed.wait(10) and not scheduler.streams
        assert list(stream) == []


def test_who_must_not_wait_is_called_and_takes():
    called, gate = threading.Event(), threading.Event()
    with Scheduler(threads=1) as scheduler:
        stream = scheduler.submit(pieces("one", 1, [], gate), RATE, called.set)
        assert stream.take() is None
        gate.set()
        assert called.wait(10) and len(stream.take().audio) == RATE
        while not stream.over:
            called.wait(0.01)
        with pytest.raises(StopIteration):
            stream.take()


def test_what_goes_on_where_another_ended_keeps_its_deadline():
    clock = Clock()
    with Scheduler(threads=1, clock=clock) as scheduler:
        first = scheduler.submit(pieces("first", 2, []), RATE)
        list(first)
        clock.now_s = 1.0
        second = scheduler.submit(iter(()), RATE, after=first)
        patient = scheduler.submit(iter(()), RATE, patience_s=5.0)
    assert second.heard and second.deadline_s == first.deadline_s == 2.0
    assert patient.deadline_s == 6.0


def test_an_error_reaches_its_listener_alone():
    def failing():
        yield Piece(np.zeros(RATE, np.float32), np.zeros((8, 1), np.int64))
        raise ValueError("nothing to say")

    with Scheduler(threads=2) as scheduler:
        broken, whole = scheduler.submit(failing(), RATE), scheduler.submit(pieces("whole", 5, []), RATE)
        next(broken)
        with pytest.raises(ValueError, match="nothing to say"):
            next(broken)
        assert len(list(whole)) == 5


def test_closing_ends_whoever_waits():
    gate = threading.Event()
    scheduler = Scheduler(threads=1)
    stream = scheduler.submit(pieces("one", 1, [], gate), RATE)
    other = scheduler.submit(pieces("two", 1, []), RATE)
    threading.Timer(0.2, gate.set).start()
    scheduler.close()
    for one in (stream, other):
        with pytest.raises(RuntimeError, match="closed before the text was spoken"):
            list(one)
    with pytest.raises(RuntimeError, match="was closed"):
        scheduler.submit(pieces("three", 1, []), RATE)
    with pytest.raises(ValueError, match="expected 1 or more"):
        Scheduler(0)
