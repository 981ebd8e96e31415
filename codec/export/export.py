"""A codec folder -> its graphs, beside the weights they use."""

from math import ceil
from pathlib import Path
from typing import Any

from codec.export.data import ConstantFile, WeightFile
from codec.export.graph import Graph
from codec.export.lite import LiteDecoderGraph
from codec.interface import Codec
from codec.lite.codec import LiteCodec
from codec.lite.config import CodecConfig
from codec.runtime.facts import Facts


def export_onnx(codec: Codec, folder: str | Path) -> None:
    """Write graphs for `codec.runtime` into the folder that `codec.save` has written.

    Raises:
        FileNotFoundError: the folder has no weights.
        ValueError: they are those of another codec, or a family without graphs.
    """
    folder = Path(folder)
    weights = WeightFile(folder / "model.safetensors")
    shapes = {name: tuple(tensor.shape) for name, tensor in codec.saved_weights().items()}
    if shapes != {name: weights.shape(name) for name in weights.names}:
        raise ValueError(f"{weights.path} holds other weights than the codec {codec.config.name}; save it there first")
    if isinstance(codec, LiteCodec):
        export_lite(codec, folder, weights)


def export_lite(codec: LiteCodec, folder: Path, weights: WeightFile) -> None:
    """The decoder, in float32 and int8."""
    constants = ConstantFile(folder / "graphs.data")
    for precision in ("float32", "int8"):
        graph = Graph(weights, constants)
        decoder = LiteDecoderGraph(graph, codec.config, precision == "int8")
        decoder.write()
        facts = Facts(
            family="lite",
            **common_facts(codec, weights),
            context=context(codec.config),
            n_fft=codec.config.n_fft,
            stft_hop=codec.config.stft_hop,
            states=decoder.layers.states,
        )
        graph.save(folder / f"decode-{precision}.onnx", facts.to_metadata())
    constants.save()


def context(config: CodecConfig) -> int:
    """Codec frames after a frame that its audio depends on, as codec/runtime/source_filter.py synthesises it.

    A sample hears windows that begin up to half of n_fft later, and the last of them pulses on the way to one more
    frame. `LiteCodec.context` is larger or smaller by one: it counts in whole codec frames.
    """
    slow, fast = (kernel // 2 for kernel in config.kernel_sizes)
    frames = (config.decoder_blocks[1] + config.vocoder_blocks) * fast + config.n_fft / 2 / config.stft_hop + 0.5
    return config.decoder_blocks[0] * slow + ceil(frames / config.stack)


def common_facts(codec: Codec, weights: WeightFile) -> dict[str, Any]:
    """Facts of a codec of any family."""
    return {
        "name": codec.config.name,
        "fingerprint": codec.fingerprint,
        "weights": weights.digest,
        **{name: getattr(codec, name) for name in ("sample_rate", "hop_length", "num_codebooks", "levels")},
    }
