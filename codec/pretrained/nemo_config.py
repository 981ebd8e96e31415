"""NeMo's configuration of an audio codec -> ours. What we cannot build exactly is refused, never approximated."""

import re
from typing import Any

from codec.hifigan.config import DecoderConfig, EncoderConfig, HiFiGANConfig

# Our field for each argument of NeMo's modules.
ENCODER_FIELDS = {
    "base_channels": "channels",
    "resblock_kernel_sizes": "kernel_sizes",
    "resblock_dilation_sizes": "dilations",
    "activation": "activation",
    "pad_mode": "padding",
}
DECODER_FIELDS = ENCODER_FIELDS | {"output_activation": "output", "n_groups_equal_to_out_channels": "grouped"}
# What NeMo's modules are where a file does not say.
ENCODER_DEFAULTS: dict[str, Any] = {
    "base_channels": 32,
    "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [1, 3, 5],
    "activation": "lrelu",
    "pad_mode": "reflect",
}
DECODER_DEFAULTS = ENCODER_DEFAULTS | {
    "base_channels": 512,
    "output_activation": "tanh",
    "n_groups_equal_to_out_channels": False,
}
DECODERS = {
    "HiFiGANDecoder": DECODER_DEFAULTS,
    "CausalHiFiGANDecoder": DECODER_DEFAULTS | {"pad_mode": "zeros", "n_groups_equal_to_out_channels": True},
}
# Arguments with one value that we build.
ENCODER_FIXED = {"in_kernel_size": 7, "out_kernel_size": 7}
DECODER_FIXED = {"in_kernel_size": 7, "out_kernel_size": 3}
ACTIVATIONS = {"lrelu": "leaky_relu"}


def convert(values: dict[str, Any]) -> HiFiGANConfig:
    """Convert the parsed model_config.yaml.

    Raises:
        ValueError: not an audio codec, or one of parts other than those of HiFiGANCodec.
    """
    sections = {key: section(values, key) for key in ("audio_encoder", "vector_quantizer", "audio_decoder")}
    if values.get("semantic_codec"):
        raise ValueError("got a codec with a semantic_codec inside; only plain HiFi-GAN codecs can be read")
    target(sections["audio_encoder"], ["HiFiGANEncoder"])
    target(sections["vector_quantizer"], ["GroupFiniteScalarQuantizer"])
    decoder = target(sections["audio_decoder"], list(DECODERS))
    e = arguments(sections["audio_encoder"], ENCODER_DEFAULTS, ENCODER_FIXED, ["down_sample_rates", "encoded_dim"])
    d = arguments(sections["audio_decoder"], DECODERS[decoder], DECODER_FIXED, ["up_sample_rates", "input_dim"])
    q = arguments(sections["vector_quantizer"], {}, {}, ["num_groups", "num_levels_per_group"])
    config = HiFiGANConfig(
        name=name_of(values),
        sample_rate=integer(values, "sample_rate"),
        strides=tuple(e["down_sample_rates"]),
        num_codebooks=q["num_groups"],
        levels=tuple(q["num_levels_per_group"]),
        encoder=EncoderConfig(**{ours: e[theirs] for theirs, ours in ENCODER_FIELDS.items()}),
        decoder=DecoderConfig(
            causal=decoder == "CausalHiFiGANDecoder", **{ours: d[theirs] for theirs, ours in DECODER_FIELDS.items()}
        ),
    )
    same("up_sample_rates", tuple(d["up_sample_rates"]), config.strides[::-1])
    same("samples_per_frame", values.get("samples_per_frame", config.hop_length), config.hop_length)
    same("encoded_dim", e["encoded_dim"], config.latent_dim)
    same("input_dim", d["input_dim"], config.latent_dim)
    return config


def section(values: dict[str, Any], key: str) -> dict[str, Any]:
    """A part of the configuration, itself a mapping."""
    if not isinstance(values.get(key), dict):
        raise ValueError(f"its configuration is not that of an audio codec: no {key}")
    return values[key]


def target(values: dict[str, Any], expected: list[str]) -> str:
    """The class of NeMo's that a section is for."""
    name = str(values.get("_target_", "")).rpartition(".")[2]
    if name not in expected:
        raise ValueError(f"got a codec of {name or 'no stated class'}; expected {' or '.join(expected)}")
    return name


def arguments(
    values: dict[str, Any], defaults: dict[str, Any], fixed: dict[str, Any], required: list[str]
) -> dict[str, Any]:
    """All arguments of a section, those unsaid by default; any other is refused."""
    given = {key: value for key, value in values.items() if key != "_target_"}
    unknown = sorted(set(given) - {*defaults, *fixed, *required})
    missing = [key for key in required if key not in given]
    wrong = [f"{key}={given[key]}, expected {value}" for key, value in fixed.items() if given.get(key, value) != value]
    if unknown or missing or wrong:
        problems = [f"unknown {key}" for key in unknown] + [f"missing {key}" for key in missing] + wrong
        raise ValueError(f"got {values.get('_target_')} with {'; '.join(problems)}")
    complete = defaults | given
    if "activation" in complete:
        complete["activation"] = ACTIVATIONS.get(complete["activation"], complete["activation"])
    return complete


def integer(values: dict[str, Any], key: str) -> int:
    """A positive number of the configuration."""
    if not isinstance(values.get(key), int) or values[key] < 1:
        raise ValueError(f"got {key}={values.get(key)!r}; expected a positive integer")
    return values[key]


def same(key: str, given: Any, expected: Any) -> None:
    """Two parts of the configuration have to agree."""
    if given != expected:
        raise ValueError(f"got {key}={given}; the rest of the configuration needs {expected}")


def name_of(values: dict[str, Any]) -> str:
    """A label: the published name where the file has one."""
    name = values.get("name")
    return re.sub(r"[^\w.-]", "-", name)[:60] if isinstance(name, str) and name else "nemo"
