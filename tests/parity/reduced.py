"""The shipped configurations with fewer channels, small enough for a golden file."""

import dataclasses
from pathlib import Path

from benchmarks.oracle.sides import random_codec
from codec import HiFiGANCodec, HiFiGANConfig, from_config
from codec.hifigan.config import DecoderConfig, EncoderConfig

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = "lfsc", "nanocodec-21.5fps", "nanocodec-12.5fps", "audio-codec-86fps", "audio-codec-44khz"
TINY = HiFiGANConfig(
    name="tiny",
    strides=(2, 4),
    num_codebooks=2,
    levels=(8, 7, 6, 6),
    encoder=EncoderConfig(channels=4, kernel_sizes=(3, 7)),
    decoder=DecoderConfig(channels=16, kernel_sizes=(3, 7), dilations=(1, 3), activation="half_snake", output="clamp"),
)


def reduced(name: str) -> HiFiGANConfig:
    """A configuration of configs/codec with 2 channels at audio rate."""
    config = from_config(ROOT / f"configs/codec/{name}.yaml").config
    return dataclasses.replace(
        config,
        encoder=dataclasses.replace(config.encoder, channels=2),
        decoder=dataclasses.replace(config.decoder, channels=2 * 2 ** len(config.strides)),
    )


def small(name: str, seed: int = 0) -> HiFiGANCodec:
    """A reduced codec with weights that keep signals of order 1."""
    return random_codec(reduced(name), seed)


def lengths(config: HiFiGANConfig) -> list[int]:
    """Samples of the items of a golden batch: a part of a frame, and whole frames."""
    return [round(4.6 * config.hop_length), 4 * config.hop_length]
