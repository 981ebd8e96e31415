"""HiFiGANConfig: every number that defines a HiFi-GAN codec. No paths, no training settings.

Source: low-frame-rate speech codec, arXiv 2409.12117; NanoCodec, arXiv 2508.05835; the numbers are those of the
configurations published with the weights.
"""

from dataclasses import asdict, dataclass, field, fields
from math import prod
from typing import Any

from codec.rates import Rates, check_sizes

ACTIVATIONS = ("leaky_relu", "half_snake")
PADDINGS = ("reflect", "replicate", "zeros")
OUTPUTS = ("tanh", "clamp", "none")


def _tuples(config: Any) -> None:
    """Lists, as YAML and JSON give them, become tuples, so that a config can be compared and hashed."""
    for f in fields(config):
        value = getattr(config, f.name)
        if isinstance(value, list):
            object.__setattr__(config, f.name, tuple(value))


def _one_of(config: Any, name: str, allowed: tuple[str, ...]) -> None:
    if getattr(config, name) not in allowed:
        raise ValueError(f"got {name}={getattr(config, name)!r}; expected one of {', '.join(allowed)}")


def _strict(cls: type[Any], values: Any, where: str) -> Any:
    """Build a dataclass from a mapping; a key nobody knows is an error."""
    known = {f.name for f in fields(cls)}
    if not isinstance(values, dict):
        raise ValueError(f"got {where} {values!r}; expected a mapping")
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"got unknown {where} keys {unknown}; known keys are {sorted(known)}")
    return cls(**values)


@dataclass(frozen=True)
class EncoderConfig:
    """Audio -> latents; see configs/codec/lfsc.yaml for the meaning of each field."""

    channels: int = 48  # at audio rate; doubled by every stride
    kernel_sizes: tuple[int, ...] = (3, 7, 11)  # parallel branches of a residual layer
    dilations: tuple[int, ...] = (1,)  # residual units of a branch, in a row
    activation: str = "leaky_relu"
    padding: str = "reflect"

    def __post_init__(self) -> None:
        _tuples(self)
        check_sizes(self, {})
        _one_of(self, "activation", ACTIVATIONS)
        _one_of(self, "padding", PADDINGS)


@dataclass(frozen=True)
class DecoderConfig:
    """Quantised values -> audio; see configs/codec/lfsc.yaml for the meaning of each field."""

    channels: int = 1024  # at codec frame rate; halved by every stride
    kernel_sizes: tuple[int, ...] = (3, 7, 11)
    dilations: tuple[int, ...] = (1, 3, 5)
    activation: str = "leaky_relu"
    padding: str = "reflect"
    output: str = "tanh"  # what keeps samples in [-1, 1]
    causal: bool = False  # a frame's audio depends on that frame and earlier ones only
    grouped: bool = False  # up-sampling mixes two input channels per output channel, not all

    def __post_init__(self) -> None:
        _tuples(self)
        check_sizes(self, {})
        _one_of(self, "activation", ACTIVATIONS)
        _one_of(self, "padding", PADDINGS)
        _one_of(self, "output", OUTPUTS)
        if self.causal and self.padding != "zeros":
            raise ValueError(f"got causal=True, padding={self.padding!r}; a causal decoder pads with zeros")


@dataclass(frozen=True)
class HiFiGANConfig(Rates):
    """Shape of a codec of the `hifigan` family."""

    family: str = "hifigan"
    name: str = "lfsc"
    sample_rate: int = 22050  # Hz
    strides: tuple[int, ...] = (2, 2, 4, 8, 8)  # of the encoder, audio first; the decoder's are these reversed
    num_codebooks: int = 8
    levels: tuple[int, ...] = (8, 7, 6, 6)  # FSQ levels of one codebook, least significant digit first
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)

    def __post_init__(self) -> None:
        _tuples(self)
        _one_of(self, "family", ("hifigan",))
        check_sizes(self, {"strides": 2, "levels": 2})
        if not self.strides:
            raise ValueError("got no strides; expected at least one")
        if self.decoder.channels % 2 ** len(self.strides):
            raise ValueError(
                f"got decoder channels {self.decoder.channels} for {len(self.strides)} strides; "
                f"expected a multiple of {2 ** len(self.strides)}, since every stride halves them"
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "HiFiGANConfig":
        """Build from a parsed YAML or JSON mapping; unknown keys are an error."""
        values = dict(values)
        for name, part in (("encoder", EncoderConfig), ("decoder", DecoderConfig)):
            if name in values:
                values[name] = _strict(part, values[name], name)
        return _strict(cls, values, "codec")

    def to_dict(self) -> dict[str, Any]:
        """Plain mapping, for JSON."""
        return asdict(self)

    def code_space(self) -> dict[str, Any]:
        """What codes depend on: all but the name and the decoder."""
        return {key: value for key, value in self.to_dict().items() if key not in ("name", "decoder")}

    @property
    def hop_length(self) -> int:  # type: ignore[override]
        """Samples per codec frame."""
        return prod(self.strides)

    @property
    def latent_dim(self) -> int:
        """Channels between encoder and decoder, D."""
        return self.num_codebooks * len(self.levels)
