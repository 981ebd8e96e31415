"""SIGTERM and Ctrl-C while a model is trained: one more step at most, a checkpoint, and what to do next in one line."""

import shlex
import signal
import sys
from types import FrameType
from typing import Any

from lightning.pytorch.callbacks import Callback

SIGNALS = signal.SIGINT, signal.SIGTERM


class StopOnSignal(Callback):
    """Ends training after the step in which a signal came; a second one ends the process at once.

    Attributes:
        received: the signal's number; 0 = none has come.
    """

    def __init__(self) -> None:
        self.received = 0
        self.before: dict[int, Any] = {}

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """From here on there is something to save."""
        self.before = {number: signal.signal(number, self.receive) for number in SIGNALS}

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Remember the signal; the next one is none of ours."""
        self.received = number
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """All processes stop together."""
        trainer.should_stop |= trainer.strategy.reduce_boolean_decision(bool(self.received), all=False)

    def restore(self) -> None:
        """Signals do again what they did before."""
        for number, handler in self.before.items():
            signal.signal(number, handler)


def leave_signals(worker: int) -> None:
    """For the processes of a DataLoader: Ctrl-C reaches them too, but they end when the trainer does."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)


def command() -> str:
    """The command of this process, ready for a shell."""
    return shlex.join(["python", *sys.argv] if sys.argv[0].endswith(".py") else sys.argv)
