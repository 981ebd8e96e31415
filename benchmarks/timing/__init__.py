"""Clocks, peak memory, and what a step takes at best."""
