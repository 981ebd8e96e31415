"""Tokenising corpora of any size: plans of shards, batches, audio ahead of the codec, one process or many."""
