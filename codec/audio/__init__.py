"""Audio files: reading and writing."""
