"""Codecs as ONNX graphs, which run without torch. Needs the package onnx."""
