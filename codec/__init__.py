"""Audio <-> codes: `load` reads a codec, `from_config` makes an untrained one, `save` writes one."""

from codec.hifigan.codec import HiFiGANCodec
from codec.hifigan.config import HiFiGANConfig
from codec.interface import Codec, CodecStream
from codec.lite.codec import LiteCodec
from codec.lite.config import CodecConfig
from codec.pretrained.folder import save
from codec.pretrained.registry import from_config
from codec.pretrained.sources import load

__all__ = [
    "Codec",
    "CodecConfig",
    "CodecStream",
    "HiFiGANCodec",
    "HiFiGANConfig",
    "LiteCodec",
    "from_config",
    "load",
    "save",
]
