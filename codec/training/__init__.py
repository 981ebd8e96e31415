"""Training of codecs; nothing outside this folder imports it but training scripts."""
