"""Codecs with weights: families by name, folders, .nemo files, the hub, licences."""
