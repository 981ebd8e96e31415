"""Audio <-> codes: `load` reads a codec, `from_config` makes an untrained one, `save` writes one.

What lies here needs torch and is imported when it is first asked for; `codec.runtime` does without.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
HOMES = {
    "Codec": "codec.interface",
    "CodecConfig": "codec.lite.config",
    "CodecStream": "codec.interface",
    "HiFiGANCodec": "codec.hifigan.codec",
    "HiFiGANConfig": "codec.hifigan.config",
    "LiteCodec": "codec.lite.codec",
    "from_config": "codec.pretrained.registry",
    "load": "codec.pretrained.sources",
    "save": "codec.pretrained.folder",
}


def __getattr__(name: str) -> Any:
    """A public name, from the module that defines it."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(f"codec.{name} needs torch; pip install 'lfsc-tts[torch]'", name="torch") from None
