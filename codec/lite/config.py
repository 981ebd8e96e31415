"""CodecConfig: every number that defines a codec. No paths, no training settings."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from codec.rates import Rates, check_sizes

MAY_BE_NONE = ("encoder_blocks", "decoder_blocks", "vocoder_blocks", "vocoder_sharpness", "highpass_hz")
LEAST = {"levels": 2, **dict.fromkeys(MAY_BE_NONE, 0)}  # all else is 1 or more
MOST_SHARPNESS = 2.0  # what moves fastest is then three and a half times as large
MOST_HIGHPASS_HZ = 20.0  # a third of the lowest pitch, which so stays as it is


@dataclass(frozen=True)
class CodecConfig(Rates):
    """Shape of a `lite` spectral codec; see configs/codec/lite-21.5fps.yaml for the meaning of each field."""

    name: str = "lite-21.5fps"
    sample_rate: int = 22050  # Hz
    hop_length: int = 1024  # samples per codec frame
    num_codebooks: int = 8
    levels: tuple[int, ...] = (8, 7, 6, 6)  # FSQ levels of one codebook, least significant digit first
    n_fft: int = 1024  # samples, window of analysis and of the inverse STFT
    stft_hop: int = 256  # samples, hop of analysis and of the inverse STFT
    n_mels: int = 80  # bands of the envelope
    encoder_dims: tuple[int, int] = (128, 320)  # width at STFT rate, at codec frame rate
    encoder_blocks: tuple[int, int] = (1, 3)
    decoder_dims: tuple[int, int] = (384, 192)  # width at codec frame rate, at STFT rate
    decoder_blocks: tuple[int, int] = (3, 4)
    vocoder_dim: int = 256  # width at STFT rate
    vocoder_blocks: int = 5
    vocoder_sharpness: float = 0.0  # of features over time, see sharpness.py; 0 = as they are
    kernel_sizes: tuple[int, int] = (3, 7)  # at codec frame rate, at STFT rate
    expansion: int = 3  # hidden width of a ConvNeXt block relative to its own
    highpass_hz: float = 0.0  # the analysis does not see what is slower; 0 = it sees all

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        check_sizes(self, LEAST)
        if self.hop_length % self.stft_hop:
            raise ValueError(f"got hop_length={self.hop_length}, stft_hop={self.stft_hop}; expected a multiple")
        if self.n_fft % (2 * self.stft_hop):
            raise ValueError(f"got n_fft={self.n_fft}, stft_hop={self.stft_hop}; expected a multiple of 2 * stft_hop")
        if any(k % 2 == 0 for k in self.kernel_sizes):
            raise ValueError(f"got kernel_sizes={self.kernel_sizes}; both must be odd")
        if not 0 <= self.highpass_hz <= MOST_HIGHPASS_HZ:
            raise ValueError(f"got highpass_hz={self.highpass_hz}; expected 0..{MOST_HIGHPASS_HZ}, below any voice")
        if not 0 <= self.vocoder_sharpness <= MOST_SHARPNESS:
            raise ValueError(f"got vocoder_sharpness={self.vocoder_sharpness}; expected 0..{MOST_SHARPNESS}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "CodecConfig":
        """Build from a parsed YAML or JSON mapping; unknown keys are an error."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"got unknown codec keys {unknown}; known keys are {sorted(known)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Plain mapping, for JSON."""
        return asdict(self)

    def code_space(self) -> dict[str, Any]:
        """The part that decides what codes mean: all but decoder and vocoder, and but for a high-pass that is off."""
        others = ("decoder", "vocoder") if self.highpass_hz else ("decoder", "vocoder", "highpass")
        return {key: value for key, value in self.to_dict().items() if not key.startswith(others)}

    @property
    def stack(self) -> int:
        """STFT frames per codec frame."""
        return self.hop_length // self.stft_hop
