"""Preference tuning: tries of sentences, and the pairs of a better and a worse one among them."""
