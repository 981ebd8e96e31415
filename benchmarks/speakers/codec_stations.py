"""The lite codec cut short at each of its stations, so that one can hear which of them loses what.

Shapes: B batch, N samples, S STFT frames, F bins, W values of a frame of features, D latent channels, T codec frames.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.speakers.codec_systems import Coded, fit
from codec import LiteCodec
from codec import load as load_codec
from codec.audio.reading import resample
from codec.lite.codec import synthesise
from codec.lite.features import analyse
from codec.lite.vocoder import Filters

# From audio to what is synthesised; a station does all that those above it do, and one thing more.
STATIONS = ("envelope", "bands", "vocoder", "latents", "codes")


class Station:
    """Audio -> analysis -> ... -> synthesis, as far as one station and back.

    Args:
        codec: of the lite family.
        name: `envelope`: the analysed envelope is synthesised as it is; `bands`: only its mel bands are known, and
            interpolated; `vocoder`: its network refines them; `latents`: through encoder and decoder, bounded but not
            rounded; `codes`: and rounded, which is the codec.
    """

    def __init__(self, codec: LiteCodec, name: str):
        self.codec, self.name = codec, name
        stations: dict[str, Callable[[Tensor, Tensor], Filters]] = {
            "envelope": lambda features, envelope: codec.vocoder.filters(features, envelope),
            "bands": lambda features, _: codec.vocoder.filters(features, codec.vocoder.interpolated(features)),
            "vocoder": lambda features, _: codec.vocoder(features),
            "latents": lambda features, _: codec.vocoder(codec.decoder(self.bounded(codec.encoder(features)))),
            "codes": lambda features, _: codec.vocoder(codec.decoder(codec.quantizer(codec.encoder(features))[0])),
        }
        self.filters = stations[name]

    def bounded(self, latents: Tensor) -> Tensor:
        """Latents [B, D, T] within the range of the quantiser's values."""
        return self.codec.quantizer.bound(latents) / self.codec.quantizer.half_level

    @torch.inference_mode()
    def __call__(self, audio: np.ndarray, sample_rate: int) -> Coded:
        """Audio float32 [N] -> what is left of it; only `codes` takes a number of bits."""
        codec = self.codec
        own = torch.from_numpy(resample(audio, sample_rate, codec.sample_rate))[None]
        features, envelope = analyse(F.pad(own, (0, -own.shape[1] % codec.hop_length)), codec.config)
        out = synthesise(codec, self.filters(features, envelope))[0].numpy()
        codes = codec.encode_features(features)[0].numpy() if self.name == "codes" else None
        bits = 0.0 if codes is None else codes.size * float(np.log2(codec.codebook_size))
        return Coded(fit(resample(out, codec.sample_rate, sample_rate), len(audio)), bits, codes)


def load_stations(source: str | Path) -> list[Station]:
    """Every station of a codec of the lite family."""
    codec = load_codec(source, kind=LiteCodec)
    return [Station(codec, name) for name in STATIONS]
