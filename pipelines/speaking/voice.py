"""A voice: what it is to those who speak with it, whatever runs its networks.

Shapes: K codebooks, T codec frames, D width, Q positions of a voice prefix, S text tokens, N audio samples.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np

from pipelines.shared.errors import UserError
from speechllm import Frame, Prompt, SamplingConfig
from speechllm.request import Check
from speechllm.text.frontend import Frontend

ENGINES = ("auto", "onnx", "torch")
PROMPTED = "a recording"  # whose voice speaks, where nobody was named


class Decoder(Protocol):
    """Codes of one sentence -> its audio, piece by piece."""

    def push(self, codes: np.ndarray) -> np.ndarray:
        """Codes int64 [K, T] -> the audio float32 [N] that has become certain."""

    def flush(self, codes: np.ndarray) -> np.ndarray:
        """The last codes, which may be none -> the rest of the audio."""


@dataclass(frozen=True)
class Voice(ABC):
    """The parts of a voice, checked to belong together. Threads can share one."""

    name: str
    card: dict[str, Any]
    make_frontend: Callable[[], Frontend]  # used by one thread at a time
    lm: Any  # of either engine; both have a `config`
    codec: Any  # of either engine; both say their rates, K and fingerprint
    prefix: Any = None  # of the LM's voice prefix, [Q, D]
    speaker: str = ""  # whose prefix it is, in a voice of many
    findings: Any = None  # of a prompt: what the recording is like, see prompts.Findings
    unguided: Any = None  # ids that guidance reads in place of a text, int64 [S]
    recogniser: Any = None  # a RuntimeRecogniser, that reads back what was written, to speak again where it is wrong
    keeps_first: bool = False  # whoever speaks first goes on: the prefix is then made from what was said
    process: int = field(default_factory=os.getpid)  # that loaded it

    engine: ClassVar[str]
    two_stages: ClassVar[bool]  # whether LM and codec gain from a thread each
    survives_fork: ClassVar[bool]

    def check_process(self) -> None:
        """Raise RuntimeError in a process that would wait for ever for the threads of the one it was forked from."""
        if os.getpid() != self.process and not self.survives_fork:
            raise RuntimeError(
                f"the voice {self.name} was loaded before this process was forked, and the threads of the engine "
                f"{self.engine} are not in it; load the voice after the fork, or start processes by `spawn`"
            )

    @cached_property
    def nobody(self) -> Any:
        """What guidance reads in place of the prefix; None where published weights are guided by the text alone."""
        return self.voice_prefix(None) if self.unguided is None else None

    @property
    def tries(self) -> int:
        """How often a sentence is spoken at most, unless somebody says."""
        return int(self.card.get("tries", 1)) if self.recogniser else 1

    def make_ready_to_read(self) -> None:
        """Load the recogniser, if there is one, before the first sentence is spoken."""
        try:
            if self.recogniser:
                _ = self.recogniser.graph
        except ValueError as error:
            raise UserError(f"the voice {self.name} cannot be loaded: {error}") from error

    def check(self, ids: list[int]) -> Check | None:
        """How tries of a text are told apart; None = by how sure the LM was."""
        found: Check | None = self.recogniser.check(ids) if self.recogniser else None
        return found

    @abstractmethod
    def prompt(self, ids: list[int], prefix: Any) -> Prompt:
        """A text, and who is to speak it, as `generate` takes them."""

    @abstractmethod
    def generate(self, prompt: Prompt, sampling: SamplingConfig) -> Iterable[Frame]:
        """Frames of a prompt, one at a time."""

    @abstractmethod
    def best_of(
        self, prompt: Prompt, sampling: SamplingConfig, tries: int, min_plausible_frames: int, check: Check | None
    ) -> Sequence[Frame]:
        """Frames of the best of several tries."""

    @abstractmethod
    def decoder(self) -> Decoder:
        """Of one sentence."""

    @abstractmethod
    def encode(self, audio: np.ndarray) -> np.ndarray:
        """Audio float32 [N] at the codec's rate -> codes int64 [K, T]."""

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes int64 [K, T] -> audio float32 [N]."""
        decoder = self.decoder()
        return np.concatenate([decoder.push(codes[:, :-1]), decoder.flush(codes[:, -1:])])

    @abstractmethod
    def voice_prefix(self, codes: np.ndarray | None, speaker: np.ndarray | None = None) -> Any:
        """The prefix of whoever said codes int64 [K, T], and whose vector is float32 [C], as far as they are known."""
