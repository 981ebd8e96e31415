"""The speech LM speaking: packed weights, and an engine that decodes many requests side by side."""
