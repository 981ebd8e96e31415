"""Text LMs that a speech LM can start from."""
