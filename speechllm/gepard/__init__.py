"""Gepard-1.0, a published speech LM."""
