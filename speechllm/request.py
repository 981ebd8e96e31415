"""What a speech LM is asked, and what comes of it, whichever engine runs it. No torch.

Shapes: S text tokens, Q positions of a voice prefix, D width, K codebooks.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from speechllm.config import LMConfig, LMShape, SamplingConfig

FRAMES_AT_LEAST = 64  # frames any text may have
SLOWEST_RATE = 21.533203125  # Hz; limits in frames are meant at this rate and grow with a faster one
STUCK_S = 2.0  # a voice without a reader that hardly changes so long is over
SEED_STEP = 7_368_787  # from try to try
AGAIN_TEMPERATURE = 0.2  # of a try after one that was wrong, at least; at 0.1 most are alike
HIDDEN = -1  # in place of the id of a token that may not be seen: the model knows that there is one, not which


@dataclass(frozen=True, eq=False)
class Prompt:
    """What is to be spoken, and in whose voice. Tensors for the torch engine, arrays for the runtime without it."""

    ids: Any  # of the text, int64 [S]
    prefix: Any = None  # of a voice, before the text, float32 [Q, D]
    unguided: Any = None  # ids in place of the text where guidance asks what is said without it, int64 [s]
    nobody: Any = None  # prefix in place of the voice where guidance asks that, float32 [Q, D]; None = the voice stays

    @property
    def prefix_length(self) -> int:
        """Positions before the text."""
        return 0 if self.prefix is None else len(self.prefix)

    @property
    def length(self) -> int:
        """Positions before the first frame."""
        return len(self.ids) + self.prefix_length

    def check_text(self, positions: int, vocab_size: int) -> None:
        """Raise ValueError unless there is text of a model's own tokens, and no more than so many positions hold."""
        most = positions - (self.length - len(self.ids))
        if not 1 <= len(self.ids) <= most:
            raise ValueError(f"got {len(self.ids)} tokens; this model reads 1..{most} at once, split the text")
        for ids in (self.ids, self.unguided):
            if ids is not None and len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < vocab_size:
                raise ValueError(
                    f"got ids in {int(ids.min())}..{int(ids.max())}; this model knows 0..{vocab_size - 1}: text and "
                    "model have to be of one tokenizer"
                )

    def check_guidance(self, sampling: SamplingConfig, config: LMShape, slots: int) -> None:
        """Raise ValueError unless the guidance that is asked for can be given."""
        unguided = self.without_text(config)
        fitting = unguided is not None and 1 <= len(unguided) <= len(self.ids)
        if sampling.guidance != 1 and (not fitting or slots < 2):
            raise ValueError(
                f"got guidance={sampling.guidance}; without a reader it takes ids in place of the text, no more than "
                "of it, and in any case an engine of 2 slots; use guidance=1"
            )

    def without_text(self, config: LMShape) -> Any:
        """Ids that guidance reads in place of the text; with a reader as many as the text has, none of them seen."""
        return self.ids * 0 + HIDDEN if config.reader_layer else self.unguided

    def unconditional(self, config: LMShape) -> "Prompt":
        """What guidance moves away from: no text, and nobody in particular who speaks."""
        voice = self.prefix if self.prefix is None or self.nobody is None else self.nobody
        return replace(self, ids=self.without_text(config), prefix=voice)


class Frame(NamedTuple):
    """One generated codec frame."""

    codes: Any  # int64 [K], a tensor or an array as the prompt was
    position: int  # token it speaks; 0 without a reader
    confidence: float  # probability the reader gave to that token, or the model to a digit of the frame, in [0, 1]


class StepResult(NamedTuple):
    """What a step did for one of several requests."""

    ticket: int  # what submit() returned
    frame: Frame | None  # None if all that the step found is that the frame before was the last
    last: bool  # the request is over


class UnchangedFrames:
    """Counts frames in a row that hardly differ: a voice without a reader may end in a sound that never ends."""

    def __init__(self) -> None:
        self.count = 0
        self.previous: Any = None  # codes int64 [K]

    def add(self, codes: Any) -> int:
        """How many frames, with this one int64 [K], have changed no more than one code in eight from the one before."""
        previous, self.previous = self.previous, codes
        changed = len(codes) if previous is None else int((codes != previous).sum())
        self.count = 0 if changed > len(codes) // 8 else self.count + 1
        return self.count


def frame_limit(config: LMConfig, tokens: int, max_frames: int = 0) -> int:
    """Frames that a text of so many tokens may have: several times what any speaker takes, unless `max_frames` says.

    Raises:
        ValueError: more than the model has positions for.
    """
    if max_frames > config.max_frames:
        raise ValueError(f"got max_frames={max_frames}; this model writes at most {config.max_frames}, split the text")
    faster = max(1.0, config.codes.frame_rate / SLOWEST_RATE)
    return max_frames or min(config.max_frames, round((FRAMES_AT_LEAST + 12 * tokens) * faster))


@dataclass
class Try:
    """One of several tries to speak the same text."""

    frames: list[Frame] = field(default_factory=list)
    ended: bool = False  # of its own will, and not at a limit

    def add(self, config: LMConfig, frame: Frame | None, last: bool, limit: int) -> None:
        """Take what a step gave; `limit` is of frames."""
        self.frames += [] if frame is None else [frame]
        # Stopped of its own will, which a stop head that looks back shows by a step without a frame.
        self.ended |= last and (frame is None or not config.stop_after) and len(self.frames) < limit


def settings_of_tries(sampling: SamplingConfig, tries: int, again: bool = False) -> list[SamplingConfig]:
    """The settings of each try; the first are those given.

    Args:
        sampling: of the first.
        tries: how many.
        again: whether a further try is made where one was wrong: it is freer, as a careful one would say the same.
    """
    others = replace(sampling, temperature=max(sampling.temperature, AGAIN_TEMPERATURE)) if again else sampling
    seeds = [(sampling.seed + number * SEED_STEP) % 2**63 for number in range(tries)]
    return [replace(others if number else sampling, seed=seed) for number, seed in enumerate(seeds)]


@dataclass(frozen=True)
class Check:
    """How a try is compared with its text."""

    misread: Callable[[Sequence[Frame]], float]  # how far frames are from saying it, nats per sound
    good: float  # a try that is no farther is taken, and no other one is made


def surest(tries: Iterable[Try], min_plausible_frames: int, check: Check | None = None) -> Sequence[Frame]:
    """The try that says its text: the first that is read back well, else the one that is misread least.

    Without a check it is the one that the model was surest of. A try that hit a limit or is too short is taken only if
    all are like that.
    """
    best: Sequence[Frame] = []
    best_score = False, -math.inf
    for one in tries:
        plausible = one.ended and len(one.frames) >= min_plausible_frames
        if check:
            score = plausible, -check.misread(one.frames)
        else:
            score = plausible, sum(frame.confidence for frame in one.frames) / max(len(one.frames), 1)
        if not best or score > best_score:
            best, best_score = one.frames, score
        if check and plausible and -score[1] <= check.good:
            break
    return best
