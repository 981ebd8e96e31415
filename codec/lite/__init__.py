"""The lite family: features through small networks and a quantiser, a source-filter vocoder."""
