"""Analysis of speech in numpy: the twin of codec/dsp, which says why each step is as it is."""
