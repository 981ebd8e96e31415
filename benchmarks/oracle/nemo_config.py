"""What is asked of NeMo: our configurations in its terms."""

from typing import Any

from codec.hifigan.config import HiFiGANConfig

MODULES = "nemo.collections.tts.modules.audio_codec_modules"
NAMES = {"leaky_relu": "lrelu", "half_snake": "half_snake"}


def nemo_config(config: HiFiGANConfig) -> dict[str, Any]:
    """The `model` section of NeMo's configuration."""
    e, d = config.encoder, config.decoder
    decoder = "CausalHiFiGANDecoder" if d.causal else "HiFiGANDecoder"
    return {
        "sample_rate": config.sample_rate,
        "samples_per_frame": config.hop_length,
        "audio_encoder": {
            "_target_": f"{MODULES}.HiFiGANEncoder",
            "down_sample_rates": list(config.strides),
            "encoded_dim": config.latent_dim,
            "base_channels": e.channels,
            "activation": NAMES[e.activation],
            "resblock_kernel_sizes": list(e.kernel_sizes),
            "resblock_dilation_sizes": list(e.dilations),
            "pad_mode": e.padding,
        },
        "audio_decoder": {
            "_target_": f"{MODULES}.{decoder}",
            "up_sample_rates": list(config.strides[::-1]),
            "input_dim": config.latent_dim,
            "base_channels": d.channels,
            "activation": NAMES[d.activation],
            "output_activation": d.output,
            "resblock_kernel_sizes": list(d.kernel_sizes),
            "resblock_dilation_sizes": list(d.dilations),
            "pad_mode": d.padding,
            "n_groups_equal_to_out_channels": d.grouped,
        },
        "vector_quantizer": {
            "_target_": f"{MODULES}.GroupFiniteScalarQuantizer",
            "num_groups": config.num_codebooks,
            "num_levels_per_group": list(config.levels),
        },
    }
