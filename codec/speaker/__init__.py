"""Speaker vectors: who speaks in a recording, as 256 numbers."""

from codec.speaker.encoder import SPEAKER_DIM, SpeakerEncoder

__all__ = ["SPEAKER_DIM", "SpeakerEncoder"]
