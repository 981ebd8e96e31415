"""Fast changes that windows have smeared, given back to features.

The windows of analysis and synthesis see two frames and more at once. Above 1.3 kHz the level of a band so moves 1 to 3
dB too little between 15 and 45 Hz, which makes consonants soft, and pitch too little from frame to frame. Each such
value is moved away from the mean of itself and its two neighbours in time:

    x[s] + sharpness * (x[s] - (x[s - 1] + x[s] + x[s + 1]) / 3)

An unsharp mask over time. No torch; shapes: W values of a frame of features, as in features.py.
"""

import numpy as np

from codec.dsp.constants import NUM_BANDS
from codec.dsp.mel import mel_centres
from codec.lite.config import CodecConfig

FROM_HZ = 1300.0  # below, nothing was gained by it, see docs/codec-lite.md


def sharpness_of(config: CodecConfig) -> np.ndarray:
    """How much each value of a frame is moved away from the sum of both differences to its neighbours, float32 [W]."""
    bands = mel_centres(config.sample_rate, config.n_mels) >= FROM_HZ
    aperiodicity, pitch, voicing = np.zeros(NUM_BANDS, bool), [True], [False]
    moved = np.concatenate([bands, aperiodicity, pitch, voicing])
    return (moved * (config.vocoder_sharpness / 3)).astype(np.float32)
