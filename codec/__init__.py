"""Audio <-> codes."""

from codec.base import Codec
from codec.config import CodecConfig
from codec.hifigan_codec import HiFiGANCodec
from codec.hifigan_config import HiFiGANConfig
from codec.model import LiteCodec
from codec.streaming import CodecStream

__all__ = ["Codec", "CodecConfig", "CodecStream", "HiFiGANCodec", "HiFiGANConfig", "LiteCodec"]
