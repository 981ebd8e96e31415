"""Audio <-> codes."""

from codec.hifigan.codec import HiFiGANCodec
from codec.hifigan.config import HiFiGANConfig
from codec.interface import Codec
from codec.lite.codec import LiteCodec
from codec.lite.config import CodecConfig
from codec.streaming import CodecStream

__all__ = ["Codec", "CodecConfig", "CodecStream", "HiFiGANCodec", "HiFiGANConfig", "LiteCodec"]
