"""Training of the hifigan family, by the recipe of the low-frame-rate codec."""
