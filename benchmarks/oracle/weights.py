"""Weights, audio and codes that all sides of a comparison make alike, with numpy alone.

RandomState never changes its numbers, so golden files need no weights in them.
"""

import numpy as np


def make_weights(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Weights by NeMo's names that keep signals of order 1 from layer to layer, float32."""
    random = np.random.RandomState(seed)
    return {name: make_tensor(name, shapes[name], random).astype(np.float32) for name in sorted(shapes)}


def make_tensor(name: str, shape: tuple[int, ...], random: np.random.RandomState) -> np.ndarray:
    normal = random.standard_normal(shape)
    if name.endswith("bias"):
        return 0.05 * normal
    if name.endswith("alpha"):
        return np.exp(0.3 * normal)
    if name.endswith("original0"):  # the norms of filters
        gain = 1.2
        if "skip_conv" in name:
            gain = 0.4  # second convolution of a residual unit
        elif "up_sample" in name:
            gain = 2.0  # a norm here is that of an input channel
        elif name.startswith("audio_encoder.post"):
            gain = 8.0  # latents that use many levels
        elif name.startswith("audio_decoder.post"):
            gain = 0.1  # as loud as speech
        return gain * (1 + 0.1 * normal)
    return normal


def make_audio(samples: int, seed: int) -> np.ndarray:
    """Tones and noise that come and go, float32 [samples] in [-1, 1]."""
    random = np.random.RandomState(seed)
    time = np.arange(samples)
    tones = sum(np.sin(time * random.uniform(0.01, 0.6) + random.uniform(0, 6)) for _ in range(5)) / 5
    swell = 0.5 + 0.5 * np.sin(time * 2 * np.pi / 4000 + random.uniform(0, 6))
    return (0.6 * tones * swell + 0.1 * random.standard_normal(samples) * swell**2).clip(-1, 1).astype(np.float32)


def make_batch(batch: int, samples: int) -> np.ndarray:
    """Items of make_audio, float32 [batch, samples]."""
    return np.stack([make_audio(samples, row) for row in range(batch)])


def make_codes(batch: int, num_codebooks: int, frames: int, size: int) -> np.ndarray:
    """Codes below `size`, int64 [batch, num_codebooks, frames]."""
    return np.random.RandomState(0).randint(0, size, (batch, num_codebooks, frames)).astype(np.int64)


def make_scores() -> dict[str, list[list[np.ndarray]]]:
    """What two discriminators of three layers might say of real and of generated audio, [B, T] each, by layer."""
    random = np.random.RandomState(7)
    return {
        name: [
            [(random.standard_normal((2, size)) * 0.5 + mean).astype(np.float32) for size in (40, 30, 20 + 5 * number)]
            for number in range(2)
        ]
        for name, mean in (("real", 0.8), ("fake", 0.1))
    }
