"""A codec folder -> its graphs, beside the weights they use."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

from codec.export.data import ConstantFile, WeightFile
from codec.export.graph import Graph
from codec.export.hifigan import write_decoder, write_encoder
from codec.export.lite import LiteDecoderGraph
from codec.export.lite_encoder import LiteEncoderGraph
from codec.hifigan.codec import HiFiGANCodec
from codec.interface import Codec
from codec.lite.codec import LiteCodec, fine_reach
from codec.lite.config import CodecConfig
from codec.runtime.facts import Facts


def export_onnx(codec: Codec, folder: str | Path, int8: bool = True) -> None:
    """Write graphs for `codec.runtime` into the folder that `codec.save` has written.

    Args:
        codec: the same.
        folder: of the codec.
        int8: for the lite family, a decoder with its large products in 8 bits too; its weights take a third of the
            space that those of the codec take.

    Raises:
        FileNotFoundError: the folder has no weights.
        ValueError: they are those of another codec, or a family without graphs.
    """
    folder = Path(folder)
    weights = WeightFile(folder / "model.safetensors")
    shapes = {name: tuple(tensor.shape) for name, tensor in codec.saved_weights().items()}
    if shapes != {name: weights.shape(name) for name in weights.names}:
        raise ValueError(f"{weights.path} holds other weights than the codec {codec.config.name}; save it there first")
    constants = ConstantFile(folder / "graphs.data")
    if isinstance(codec, LiteCodec):
        export_lite(codec, folder, weights, constants, ("float32", "int8") if int8 else ("float32",))
    elif isinstance(codec, HiFiGANCodec):
        export_hifigan(codec, folder, weights, constants)
    else:
        raise ValueError(f"got a {type(codec).__name__}; expected a codec of the families lite and hifigan")
    constants.save()


def export_lite(
    codec: LiteCodec, folder: Path, weights: WeightFile, constants: ConstantFile, precisions: Sequence[str]
) -> None:
    """The decoder in each precision, and the encoder."""
    for old in folder.glob("decode-*.onnx"):
        old.unlink()
    config = codec.config
    sizes = {
        name: getattr(config, name) for name in ("n_fft", "stft_hop", "n_mels", "highpass_hz", "vocoder_sharpness")
    }
    shared = {"family": "lite", "context": context(config), **sizes, **common_facts(codec, weights)}
    for precision in precisions:
        graph = Graph(weights, constants)
        decoder = LiteDecoderGraph(graph, config, precision == "int8")
        decoder.write()
        graph.save(folder / f"decode-{precision}.onnx", Facts(states=decoder.layers.states, **shared).to_metadata())
    graph = Graph(weights, constants)
    encoder = LiteEncoderGraph(graph, config)
    encoder.write()
    graph.save(folder / "encode-float32.onnx", Facts(states=encoder.layers.states, **shared).to_metadata())


def export_hifigan(codec: HiFiGANCodec, folder: Path, weights: WeightFile, constants: ConstantFile) -> None:
    """Encoder and decoder, in float32."""
    encoder, decoder = Graph(weights, constants), Graph(weights, constants)
    write_encoder(encoder, codec.config)
    states = write_decoder(decoder, codec.config)
    facts = Facts(
        family="hifigan",
        context=codec.context,
        history=codec.history,
        states=states,
        **common_facts(codec, weights),
    )
    for name, graph in {"encode": encoder, "decode": decoder}.items():
        graph.save(folder / f"{name}-float32.onnx", facts.to_metadata())


def context(config: CodecConfig) -> int:
    """Codec frames after a frame that its audio depends on, as codec/runtime/source_filter.py synthesises it.

    A sample hears windows that begin up to half of n_fft later, and the last of them pulses on the way to one more
    frame. `LiteCodec.context` is larger or smaller by one: it counts in whole codec frames.
    """
    frames = fine_reach(config) + config.n_fft / 2 / config.stft_hop + 0.5
    return config.decoder_blocks[0] * (config.kernel_sizes[0] // 2) + ceil(frames / config.stack)


def common_facts(codec: Codec, weights: WeightFile) -> dict[str, Any]:
    """Facts of a codec of any family."""
    return {
        "name": codec.config.name,
        "fingerprint": codec.fingerprint,
        "weights": weights.digest,
        **{name: getattr(codec, name) for name in ("sample_rate", "hop_length", "num_codebooks", "levels")},
    }
