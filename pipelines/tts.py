"""Speak: text in, speech out.

    python pipelines/tts.py --text "The quick brown fox jumps over the lazy dog."

As a library:

    from pipelines.tts import TTS
    tts = TTS.from_pretrained("heart")
    speech = tts.synthesize("Hello there.", seed=0)   # speech.audio float32 [N], speech.sample_rate, speech.words ...
    for audio in tts.stream("Hello there.", seed=0):  # the same samples, as soon as they are certain
        ...

N are audio samples.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.shared.errors import guard  # noqa: E402

__all__ = ["TTS"]


def main() -> None:
    """Imports take time too, in which the command may be stopped: they happen under `guard`."""
    from pipelines.speaking.command_line import main as speak

    speak()


if __name__ == "__main__":
    guard(main)
else:
    from pipelines.speaking.synthesis import TTS
