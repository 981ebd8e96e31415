"""The speech LM as it is trained."""
