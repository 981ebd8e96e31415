"""The speech LM speaking without torch: graphs of speechllm/export in ONNX Runtime, numpy around them."""
