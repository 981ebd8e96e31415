"""Speech faster or slower at the same pitch: waveform-similarity overlap-add (WSOLA), as a stream, in numpy.

W. Verhelst and M. Roelands, "An overlap-add technique based on waveform similarity (WSOLA) for high quality time-scale
modification of speech", ICASSP 1993. Pieces of the input are laid over each other at another distance than they had;
each is taken from where the input is most like what followed the piece before, so that periods of the voice stay whole.

N audio samples.
"""

import numpy as np

FRAME_S = 0.040  # of a piece; two periods of the lowest voices
SEARCH_S = 0.010  # how far a piece may be from its place, either way; a period of a voice of 100 Hz
SILENT = 1e-8  # mean square under which nothing is compared
SPEEDS = 0.5, 2.0


class TimeStretch:
    """A stream of speech at another speed. However the input is cut, the output joined is the same to the sample.

    Args:
        sample_rate: Hz.
        speed: in SPEEDS; 2 takes half the time. 1 passes audio on as it is.

    Raises:
        ValueError: a speed out of that range.
    """

    def __init__(self, sample_rate: int, speed: float):
        check_speed(speed)
        self.speed, self.hop = speed, round(FRAME_S * sample_rate) // 2
        self.search = round(SEARCH_S * sample_rate)
        self.window = (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * self.hop) / self.hop)).astype(np.float32)
        self.input = np.zeros(self.hop, np.float32)  # not needed up yet, from sample `first` of the padded input on
        self.first, self.received = 0, 0
        self.frames, self.position = 0, 0  # frames laid, and where in the padded input the last was taken
        self.tail = np.zeros(self.hop, np.float32)  # second half of the last frame
        self.written = -self.hop  # samples given; the first half of the first frame is the padding

    def push(self, audio: np.ndarray) -> np.ndarray:
        """Float32 [N] -> what of the output has become certain."""
        if self.speed == 1:
            return audio
        self.received += len(audio)
        self.input = np.concatenate([self.input, audio])
        return self._lay(self.first + len(self.input))

    def flush(self) -> np.ndarray:
        """The rest of the output; all of it together lasts round(N / speed) samples."""
        if self.speed == 1:
            return np.empty(0, np.float32)
        left = round(self.received / self.speed) - max(self.written, 0)
        end = self.first + len(self.input)
        self.input = np.concatenate([self.input, np.zeros(4 * self.hop + 2 * self.search, np.float32)])
        rest = np.concatenate([self._lay(end + 4 * self.hop + 2 * self.search), np.zeros(2 * self.hop, np.float32)])
        return rest[:left]

    def _lay(self, end: int) -> np.ndarray:
        """Lay every frame that can be found in the padded input up to sample `end`."""
        laid = []
        while self._nominal() + self.search + 2 * self.hop <= end and self.position + 3 * self.hop <= end:
            self.position = self._best(self._nominal()) if self.frames else 0
            begin = self.position - self.first
            frame = self.input[begin : begin + 2 * self.hop] * self.window
            laid.append(self.tail + frame[: self.hop])
            self.tail = frame[self.hop :]
            self.frames += 1
        self._forget()
        output = np.concatenate(laid) if laid else np.empty(0, np.float32)
        output = output[max(-self.written, 0) :] if self.written < 0 else output
        self.written += self.hop * len(laid)
        return output

    def _nominal(self) -> int:
        """Where in the padded input the next frame would be taken if nothing were compared."""
        return round(self.frames * self.hop * self.speed)

    def _best(self, nominal: int) -> int:
        """Where near `nominal` the input is most like what followed the last frame, by normalised correlation."""
        follows = self.position + self.hop - self.first
        wanted = self.input[follows : follows + self.hop].astype(np.float64)
        low = max(nominal - self.search, 0)
        region = self.input[low - self.first : nominal + self.search + self.hop - self.first].astype(np.float64)
        energy = np.concatenate([[0.0], np.cumsum(region**2)])
        energy = energy[self.hop :] - energy[: -self.hop]
        if np.mean(wanted**2) < SILENT:
            return nominal
        likeness = np.correlate(region, wanted, "valid") / np.sqrt(np.maximum(energy, SILENT * self.hop))
        return low + int(np.argmax(likeness))

    def _forget(self) -> None:
        """Drop input that no later frame can need."""
        needed = min(self._nominal() - self.search, self.position)
        if needed > self.first:
            self.input = self.input[needed - self.first :]
            self.first = needed


def check_speed(speed: float) -> None:
    """Raise ValueError unless speech can be given this speed."""
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise ValueError(f"got speed {speed:g}; expected {SPEEDS[0]:g} to {SPEEDS[1]:g}, 1 is the voice's own")
