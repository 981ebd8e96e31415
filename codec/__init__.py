"""Audio <-> codes."""

from codec.config import CodecConfig
from codec.model import Codec
from codec.streaming import CodecStream

__all__ = ["Codec", "CodecConfig", "CodecStream"]
