"""What recordings suffer outside of studios: noise, babble, a narrow band, a low level, an offset. float32 [N] each."""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.speakers.codec_systems import fit
from codec.audio.reading import resample

Degradation = Callable[[np.ndarray, int], np.ndarray]  # audio, sample rate -> audio
BABBLE_VOICES = 4


def level(audio: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(audio**2))) + 1e-9


def add(audio: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Audio with noise at a signal-to-noise ratio; noise is repeated or cut to its length."""
    noise = np.resize(noise, len(audio))
    return (audio + noise * (level(audio) / level(noise) * 10 ** (-snr_db / 20))).astype(np.float32)


def load_degradation(spec: str, others: Sequence[Callable[[], np.ndarray]], seed: int = 0) -> Degradation:
    """A degradation by name.

    Args:
        spec: `babble:SNR_DB`, `noise:SNR_DB` (white), `band:RATE_HZ` (what telephones and old files keep),
            `gain:DB` or `dc:OFFSET`.
        others: load recordings at the same rate, whose sum is the babble.
        seed: of noise and of who babbles.

    Raises:
        ValueError: no such degradation.
    """
    name, _, value = spec.partition(":")
    try:
        amount = float(value)
    except ValueError:
        name = ""
    rng = np.random.default_rng(seed)

    def babble(audio: np.ndarray, _: int) -> np.ndarray:
        voices = [others[i]() for i in rng.choice(len(others), min(BABBLE_VOICES, len(others)), replace=False)]
        return add(audio, np.sum([np.resize(v, len(audio)) / level(v) for v in voices], axis=0), amount)

    def band(audio: np.ndarray, rate: int) -> np.ndarray:
        return fit(resample(resample(audio, rate, round(amount)), round(amount), rate), len(audio))

    kinds: dict[str, Degradation] = {
        "babble": babble,
        "noise": lambda audio, _: add(audio, rng.standard_normal(len(audio)).astype(np.float32), amount),
        "band": band,
        "gain": lambda audio, _: (audio * 10 ** (amount / 20)).astype(np.float32),
        "dc": lambda audio, _: (audio + amount).astype(np.float32),
    }
    if name not in kinds:
        raise ValueError(f"got degradation {spec!r}; expected one of {', '.join(f'{kind}:NUMBER' for kind in kinds)}")
    return kinds[name]
