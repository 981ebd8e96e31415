"""The audio of one sentence at another speed and with silence inside it, and when its words are then heard.

A silence is put where the voice is quietest while it reads the punctuation on which it rests.

N audio samples; a frame is one of the codec, `hop` samples.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from codec.audio.time_stretch import TimeStretch
from pipelines.speaking.pieces import WordStart, WordTime
from speechllm.text.frontend import SpokenWord

LATE_S = 0.14  # that a rest may last beyond the frames in which its punctuation is read
QUIET_S = 0.01  # of sound whose loudness is compared
FADE_S = 0.005
SHORTEST_MS = 5  # of a word


class Rest(NamedTuple):
    """Silence on a token."""

    token: int
    duration_s: float


@dataclass(frozen=True)
class Cut:
    """Where silence was put."""

    token: int
    sample: int  # of the sentence as the codec made it
    silence: int  # samples


class Pacing:
    """A stream of one sentence. However the input is cut, the output joined is the same to the sample.

    Args:
        sample_rate: Hz.
        hop: samples of a frame.
        speed: see TimeStretch.
        rests: inside the sentence, in order.
    """

    def __init__(self, sample_rate: int, hop: int, speed: float = 1.0, rests: list[Rest] | None = None):
        self.sample_rate, self.hop, self.speed = sample_rate, hop, speed
        self.rests, self.late = list(rests or []), round(LATE_S * sample_rate / hop)
        self.stretch = TimeStretch(sample_rate, speed)
        self.positions: list[int] = []  # token of every frame that is known
        self.held, self.first = np.empty(0, np.float32), 0  # audio not yet given, and its first sample
        self.cuts: list[Cut] = []
        self.samples = 0  # given
        self.told = 0  # words

    def push(self, audio: np.ndarray, positions: list[int]) -> np.ndarray:
        """Audio float32 [N], and the tokens that frames read from the last known on -> what has become certain."""
        self.positions += positions
        self.held = np.concatenate([self.held, audio])
        return self._given(self._advance(False))

    def flush(self) -> np.ndarray:
        """The rest."""
        return self._given([*self._advance(True), self.stretch.flush()])

    def word_times(self, words: list[SpokenWord], begin_s: float) -> list[WordTime]:
        """When words are heard, in order and none at the same time; `begin_s` is when the sentence begins."""
        times = apart(self._spans(words, begin_s), self._given_ms(begin_s))
        return [WordTime(word.text, begin / 1000, end / 1000) for word, (begin, end) in zip(words, times, strict=True)]

    def new_words(
        self, words: list[SpokenWord], begin_s: float, ended: bool
    ) -> tuple[list[WordTime], WordStart | None]:
        """What `word_times` will give of the words that have ended since the last call, and the one being spoken.

        Args:
            words, begin_s: see `word_times`.
            ended: nothing more comes, so all that are left have ended.
        """
        if ended:
            return self.word_times(words, begin_s)[self.told :], None
        found, speaking = self._certain(words, begin_s)
        new, self.told = found[self.told :], len(found)
        return new, speaking

    def _certain(self, words: list[SpokenWord], begin_s: float) -> tuple[list[WordTime], WordStart | None]:
        """Words of a sentence that goes on, as far as nothing that comes can change when they are heard."""
        read = self.positions[-2] if len(self.positions) > 1 else -1  # more words may turn out to share the last frame
        known = [word for word in words if word.start_token <= read]
        times, found = in_order(self._spans(known, begin_s)), list[WordTime]()
        for left, word, (begin, end) in zip(range(len(words), 0, -1), known, times, strict=False):
            before_ms = self._given_ms(begin_s) - left  # should the sentence end now, `apart` needs 1 ms for each word
            if begin >= before_ms:
                break
            if word.end_token > read or end > before_ms:
                return found, WordStart(word.text, begin / 1000)
            found.append(WordTime(word.text, begin / 1000, end / 1000))
        return found, None

    def _spans(self, words: list[SpokenWord], begin_s: float) -> list[tuple[int, int]]:
        """When words begin and end by the frames that read them, ms."""
        spans = []
        for word, (start, end) in zip(words, word_frames(words, self.positions), strict=True):
            moments = self._moment(start * self.hop, word.start_token), self._moment(end * self.hop, word.end_token - 1)
            begin, stop = (round(1000 * (begin_s + moment / self.sample_rate)) for moment in moments)
            spans.append((begin, stop))
        return spans

    def _given_ms(self, begin_s: float) -> int:
        """When what is given ends."""
        return int(1000 * (begin_s + self.samples / self.sample_rate))

    def frame_times_s(self, begin_s: float) -> np.ndarray:
        """The middle of each frame, float64 [T]."""
        middles = [self._moment((t + 0.5) * self.hop, token) for t, token in enumerate(self.positions)]
        return begin_s + np.array(middles) / self.sample_rate

    def _given(self, pieces: list[np.ndarray]) -> np.ndarray:
        audio = pieces[0] if len(pieces) == 1 else np.concatenate([np.empty(0, np.float32), *pieces])
        self.samples += len(audio)
        return audio

    def _advance(self, ended: bool) -> list[np.ndarray]:
        """Give audio up to the next rest that cannot be placed yet."""
        given = []
        while self.rests:
            rest, end = self.rests[0], self.first + len(self.held)
            begins = bisect_left(self.positions, rest.token)
            passed = bisect_right(self.positions, rest.token)
            stop = (passed + self.late) * self.hop
            if not ended and (passed == len(self.positions) or stop > end):
                given.append(self._take(min(max(begins - 1, 0) * self.hop, end)))
                return given
            sample = self._quietest(max(begins - 1, 0) * self.hop, min(stop, end))
            given += self._cut(Cut(rest.token, sample, round(rest.duration_s * self.sample_rate)))
            self.rests.pop(0)
        given.append(self._take(self.first + len(self.held)))
        return given

    def _take(self, end: int) -> np.ndarray:
        """Held audio up to sample `end`, at its speed."""
        count = max(end - self.first, 0)
        audio, self.held = self.held[:count], self.held[count:]
        self.first += count
        return self.stretch.push(audio)

    def _quietest(self, begin: int, end: int) -> int:
        """The middle of the quietest stretch of held audio between two samples."""
        fade, width = round(FADE_S * self.sample_rate), round(QUIET_S * self.sample_rate)
        begin, end = max(begin, self.first) + fade, end - fade
        if end - begin < width:
            return max((begin + end) // 2, self.first)
        energy = np.cumsum(np.concatenate([[0.0], self.held[begin - self.first : end - self.first].astype(float) ** 2]))
        return begin + width // 2 + int(np.argmin(energy[width:] - energy[:-width]))

    def _cut(self, cut: Cut) -> list[np.ndarray]:
        """The audio before a silence, and the silence; what is held then begins softly."""
        fade = min(round(FADE_S * self.sample_rate), cut.sample - self.first, self.first + len(self.held) - cut.sample)
        self.held = self.held.copy()
        place, slope = cut.sample - self.first, np.arange(fade, dtype=np.float32) / max(fade, 1)
        self.held[place - fade : place] *= slope[::-1]
        self.held[place : place + fade] *= slope
        before = [self._take(cut.sample), self.stretch.flush()]
        self.stretch = TimeStretch(self.sample_rate, self.speed)
        self.cuts.append(cut)
        return [*before, np.zeros(cut.silence, np.float32)]

    def _moment(self, sample: float, token: int) -> float:
        """Sample of the output at which a sample of the input, in which this token is read, is heard."""
        heard, begin = 0.0, 0
        for cut in self.cuts:
            if cut.token >= token:
                sample = min(sample, cut.sample)
                break
            heard += round((cut.sample - begin) / self.speed) + cut.silence
            begin = cut.sample
        return heard + (max(sample, begin) - begin) / self.speed


def word_frames(words: list[SpokenWord], positions: list[int]) -> list[tuple[float, float]]:
    """First frame of each word, and the frame after its last, from the token that every frame reads.

    Words that the reader passes within a frame share it with the word that it then reads, in equal parts.
    """
    last_frame = len(positions) - 1
    starts = [min(bisect_left(positions, word.start_token), last_frame) for word in words]
    ends = [bisect_left(positions, word.end_token) for word in words]
    sharing, before = Counter(starts), Counter[int]()
    begins, frames = [], []
    for start in starts:
        begins.append(start + before[start] / sharing[start])
        before[start] += 1
    for begin, start, end, following in zip(
        begins, starts, ends, [*begins[1:], len(positions)][: len(begins)], strict=True
    ):
        own = end if end > start else begin + 1 / sharing[start]
        frames.append((begin, min(own, following)))
    return frames


def in_order(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in ms, made later so that each lasts SHORTEST_MS and none begins before the last has ended.

    A word whose frames were taken for the rest beside it would otherwise last no time at all.
    """
    later: list[tuple[int, int]] = []
    for begin, end in spans:
        begin = max(begin, later[-1][1] if later else 0)
        later.append((begin, max(end, begin + SHORTEST_MS)))
    return later


def apart(spans: list[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """Spans in ms, put in order, and earlier where they would end after `limit`; each lasts 1 ms at least then."""
    found: list[tuple[int, int]] = []
    for begin, end in reversed(in_order(spans)):
        end = min(end, limit)
        limit = min(begin, end - 1)
        found.append((limit, end))
    return found[::-1]
