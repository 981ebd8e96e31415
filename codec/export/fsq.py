"""The quantiser in a graph. Shapes: B batch, K codebooks, D latent channels, T codec frames."""

import onnx

from codec.export.graph import Graph
from codec.fsq import GroupedFSQ
from codec.rates import Rates


def write_codes(graph: Graph, config: Rates, latents: str) -> str:
    """GroupedFSQ.forward: latents float32 [B, D, T] -> codes int64 [B, K, T]."""
    fsq = GroupedFSQ(config.num_codebooks, config.levels)
    scale, shift, offset, half = (part.numpy() for part in (fsq.scale, fsq.shift, fsq.offset, fsq.half_level))
    bounded = graph.op("Mul", graph.op("Tanh", graph.op("Add", latents, shift)), scale)
    digits = graph.op("Round", graph.op("Sub", bounded, offset))
    digits = graph.op("Add", graph.op("Cast", digits, to=onnx.TensorProto.INT64), half)
    digits = graph.op("Reshape", digits, graph.ints(0, config.num_codebooks, len(config.levels), -1))
    return graph.op("ReduceSum", graph.op("Mul", digits, fsq.bases.numpy()), graph.ints(2), keepdims=0)
