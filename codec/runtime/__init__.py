"""Codecs without torch: `load` reads a codec folder that was exported, numpy and ONNX Runtime do the rest."""

from codec.runtime.folder import load
from codec.runtime.interface import RuntimeCodec, RuntimeStream

__all__ = ["RuntimeCodec", "RuntimeStream", "load"]
