"""Listeners who ask a server for speech and play what comes."""
