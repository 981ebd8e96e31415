"""Text in, speech out: voices, synthesis, the command line, what is written."""
