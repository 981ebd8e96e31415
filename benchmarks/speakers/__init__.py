"""Who speaks: voices, their teacher, other text-to-speech systems, codecs, untrained models."""
