"""A speech LM as ONNX graphs, for speaking without torch. Needs the package onnx."""
