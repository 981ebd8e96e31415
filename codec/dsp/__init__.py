"""Signal processing of speech: spectra, pitch, envelope. Pure functions."""
