"""What the header of an audio file says; decoding tells whether it is true."""

from pathlib import Path

import soundfile


def seconds_of(path: Path) -> float:
    """Length in seconds as the header says.

    Raises:
        ValueError: not readable audio.
    """
    try:
        return float(soundfile.info(str(path)).duration)
    except (soundfile.LibsndfileError, OSError) as error:
        raise ValueError(f"{path} is not readable audio ({error}); expected wav, flac, ogg or mp3") from None
