"""Training of the lite family."""
