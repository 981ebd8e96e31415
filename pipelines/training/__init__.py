"""Training runs: the trainer, how it resumes, and what each family of codecs trains on."""
