"""Text as written -> tokens of a speech LM."""
