"""Audio that a client sends, in memory: bounded whatever its header claims and however far it can be unpacked.

Shapes: N samples.
"""

import io

import numpy as np
import soundfile

from codec.audio.decoding import FULL_SCALE_LIMIT, READ_SIZE, ForwardFile, reason
from pipelines.shared.errors import UserError

RATES_HZ = 4000, 192_000
MOST_CHANNELS = 8


def decoded(data: bytes, longest_s: float, name: str) -> tuple[np.ndarray, int]:
    """Audio as sent -> the mean of its channels, float32 [N], and its rate, Hz. For the engine's threads.

    Args:
        data: in any format that libsndfile reads.
        longest_s: more is refused, and not decoded any further.
        name: what messages call it.

    Raises:
        UserError: no audio, too long, or samples that are no numbers or far beyond full scale.
    """
    pieces: list[np.ndarray] = []
    count = 0
    try:
        with ForwardFile(io.BytesIO(data)) as file:
            check_header(file, name)
            file.seek(0)  # readies the decoder of an MP3
            while len(samples := file.read(READ_SIZE, dtype="float32", always_2d=True)):
                if not np.abs(samples).max() <= FULL_SCALE_LIMIT:  # false for NaN
                    raise UserError(f"{name} has samples that are no audio; expected numbers with full scale 1")
                pieces.append(samples.mean(axis=1))
                count += len(samples)
                if count > longest_s * file.samplerate:
                    raise UserError(f"{name} is longer than {longest_s:g} s; send less of it")
            rate = file.samplerate
    except soundfile.LibsndfileError as error:
        raise UserError(f"{name} is not readable audio ({reason(error)}); expected wav, flac, ogg or mp3") from None
    except (RuntimeError, TypeError):  # soundfile's, of a header without a format
        raise UserError(f"{name} is not readable audio; expected wav, flac, ogg or mp3") from None
    if not count:
        raise UserError(f"{name} holds no samples")
    return np.concatenate(pieces), rate


def check_header(file: soundfile.SoundFile, name: str) -> None:
    """Refuse what no recording has, as a second of it would be large."""
    least, most = RATES_HZ
    if not least <= file.samplerate <= most or file.channels > MOST_CHANNELS:
        found = f"{file.channels} channels at {file.samplerate} Hz"
        raise UserError(f"{name} has {found}; expected {MOST_CHANNELS} at most, and {least} to {most} Hz")
