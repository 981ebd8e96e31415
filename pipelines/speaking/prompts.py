"""A prompt: a recording of whose voice is to speak, looked at before it is used. No torch.

Shapes: N samples, F frames of 20 ms, T codec frames, K codebooks.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from codec.audio.decoding import decode
from codec.speaker import SpeakerEncoder
from pipelines.shared.errors import UserError
from pipelines.speaking.speakers import Speaker

SHORTEST_S, LONGEST_S = 3.0, 15.0  # of speech; what comes later is not listened to
READ_S = 120.0  # of a file, at most
FRAME_S = 0.02
MARGIN_S = 0.06  # of silence that stays around speech
QUIET_DB = -40.0  # below the loud parts, what is no speech
PITCH_HZ = 60, 400
PERIODIC = 0.5  # normalised autocorrelation from which on a frame is voiced
LEAST_VOICED = 0.2  # share of frames; of speech some half are
LEAST_SNR_DB, CLEAN_SNR_DB = 5.0, 20.0  # refused below the first; below the second the noise is heard in the voice
CLIPPED = 1e-3  # share of samples at full scale from which on it is heard
MOST_FRAMES = 86  # codec frames shown to the speech LM, 4 s at 21.5 frames a second: training had no longer ones


@dataclass(frozen=True)
class Findings:
    """What a recording is like."""

    duration_s: float  # of its speech, at most LONGEST_S
    snr_db: float
    voiced: float  # share of frames with a pitch
    clipped: float  # share of samples at full scale

    def describe(self) -> str:
        """A line for whoever gave it."""
        heard = f"prompt: {self.duration_s:.1f} s of speech, {self.snr_db:.0f} dB above its noise"
        return "; ".join([heard, *self.remarks()])

    def remarks(self) -> list[str]:
        """What the listener will notice, in words."""
        found = []
        if self.snr_db < CLEAN_SNR_DB:
            found.append(f"noise {self.snr_db:.0f} dB below the speech, which the voice will have too")
        if self.clipped > CLIPPED:
            found.append(f"{100 * self.clipped:.1f} % of the samples are clipped")
        return found


def read_prompt(path: Path, sample_rate: int) -> tuple[np.ndarray, Findings]:
    """The speech of a recording, float32 [N], and what it is like.

    Raises:
        UserError: no file, no speech, too short, or more noise than speech.
    """
    if not path.is_file():
        raise UserError(f"--prompt {path} is not a file; expected a recording of the voice, {SHORTEST_S:.0f} s or more")
    pieces, rate, count = [], 0, 0
    try:
        for samples, rate in decode(path):  # noqa: B007  # the rate is that of all
            pieces.append(samples.mean(axis=1))
            count += len(samples)
            if count > READ_S * rate:
                break
    except ValueError as error:
        raise UserError(f"--prompt {error}") from None
    return usable_speech(np.concatenate(pieces), rate, sample_rate, f"--prompt {path}")


def usable_speech(recording: np.ndarray, rate: int, sample_rate: int, name: str) -> tuple[np.ndarray, Findings]:
    """The speech of a recording, and what it is like.

    Args:
        recording: float32 [N].
        rate: of it, Hz.
        sample_rate: of what is returned, Hz.
        name: what messages call the recording.

    Raises:
        UserError: no speech, too short, or more noise than speech.
    """
    audio = speech_of(recording, rate)[: round(LONGEST_S * rate)]
    findings = look_at(audio, rate)
    if findings.voiced < LEAST_VOICED:
        share = f"{100 * findings.voiced:.0f} % of it has the pitch of a voice"
        raise UserError(f"{name} holds no speech ({share}); expected somebody who speaks")
    if findings.duration_s < SHORTEST_S:
        lasts = f"{findings.duration_s:.1f} s of speech"
        raise UserError(f"{name} holds {lasts}; expected {SHORTEST_S:.0f} to {LONGEST_S:.0f} s")
    if findings.snr_db < LEAST_SNR_DB:
        raise UserError(f"{name} is too noisy (speech {findings.snr_db:.0f} dB above it); record it again")
    return soxr.resample(audio, rate, sample_rate).astype(np.float32), findings


def frames_of(audio: np.ndarray, rate: int) -> np.ndarray:
    """Frames of FRAME_S without their offset, float32 [F, n]."""
    size = round(FRAME_S * rate)
    frames = audio[: len(audio) // size * size].reshape(-1, size)
    return frames - frames.mean(axis=1, keepdims=True)


def levels_db(audio: np.ndarray, rate: int) -> np.ndarray:
    """Level of each frame, dB of full scale, [F]."""
    return 10 * np.log10(np.square(frames_of(audio, rate)).mean(axis=1) + 1e-10)


def speech_of(audio: np.ndarray, rate: int) -> np.ndarray:
    """Audio without the silence at its ends."""
    levels = levels_db(audio, rate)
    if not len(levels):
        return audio
    loud = np.flatnonzero(levels > np.quantile(levels, 0.9) + QUIET_DB)
    margin, size = round(MARGIN_S * rate), round(FRAME_S * rate)
    return audio[max(0, loud[0] * size - margin) : (loud[-1] + 1) * size + margin]


def look_at(audio: np.ndarray, rate: int) -> Findings:
    """Length, noise, pitch and clipping of speech [N]."""
    levels = levels_db(audio, rate)
    if not len(levels):
        return Findings(len(audio) / rate, 0.0, 0.0, 0.0)
    peak = float(np.abs(audio).max())
    clipped = float((np.abs(audio) >= 0.999 * peak).mean()) if peak > 0.98 else 0.0
    snr_db = float(np.quantile(levels, 0.9) - np.quantile(levels, 0.03))
    return Findings(len(audio) / rate, snr_db, voiced_share(audio, rate), clipped)


def voiced_share(audio: np.ndarray, rate: int) -> float:
    """Share of frames that repeat themselves at the pitch of a voice."""
    low = soxr.resample(audio, rate, 8000) if rate != 8000 else audio
    size, hop = 320, 160  # 40 and 20 ms
    if len(low) < size:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(low, size)[::hop]
    frames = frames - frames.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(frames, 2 * size)
    correlation = np.fft.irfft(np.square(np.abs(spectrum)))[:, :size]
    shortest, longest = 8000 // PITCH_HZ[1], 8000 // PITCH_HZ[0]
    unbiased = correlation[:, shortest:longest] * size / (size - np.arange(shortest, longest))
    voiced = unbiased.max(axis=1) > PERIODIC * correlation[:, 0]
    loud = correlation[:, 0] > 1e-4 * np.quantile(correlation[:, 0], 0.9)
    return float((voiced & loud).mean())


def speaker_of(audio: np.ndarray, voice: Any) -> Speaker:
    """What the speech LM is told of whoever speaks in a recording float32 [N] at the voice's rate.

    The vector is of the recording as the codec gives it back: so were those that the LM was trained with.
    """
    codes = voice.encode(audio)
    return Speaker(SpeakerEncoder()(voice.decode(codes), voice.codec.sample_rate), codes[:, :MOST_FRAMES])
