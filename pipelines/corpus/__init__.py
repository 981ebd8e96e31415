"""Corpora: manifests, features, the shards that processes share."""
