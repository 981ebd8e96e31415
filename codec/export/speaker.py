"""Resemblyzer's weights -> the graph of codec/speaker/encoder.py, in half precision and in one file.

    python codec/export/speaker.py RESEMBLYZER/pretrained.pt

Shapes: W windows, T mel frames, M mel bands, H width of a layer, C channels of a vector.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from codec.export.graph import IR_VERSION, OPSET  # noqa: E402
from codec.speaker.encoder import GRAPH, N_MELS, SPEAKER_DIM, WINDOW  # noqa: E402

LAYERS = 3
GATES = 0, 3, 1, 2  # torch has input, forget, cell, output; ONNX input, output, forget, cell


def reorder(weight: np.ndarray) -> np.ndarray:
    """Gates [4 H, ...] in ONNX's order."""
    return np.concatenate([np.split(weight, 4)[gate] for gate in GATES])


def export_speaker_encoder(weights: dict[str, torch.Tensor], path: Path) -> None:
    """Write the graph: windows float32 [W, T, M] -> vectors float32 [W, C] of length 1."""
    nodes, initializers = [], []

    def add(kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[-1]

    def weight(name: str, value: np.ndarray) -> str:
        initializers.append(numpy_helper.from_array(value.astype(np.float16), f"{name}.half"))
        return add("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT)

    arrays = {name: tensor.float().numpy() for name, tensor in weights.items()}
    x = add("Transpose", ["windows"], ["frames"], perm=[1, 0, 2])
    for i in range(LAYERS):
        inner, state = (reorder(arrays[f"lstm.weight_{kind}_l{i}"])[None] for kind in ("ih", "hh"))
        bias = np.concatenate([reorder(arrays[f"lstm.bias_{kind}_l{i}"]) for kind in ("ih", "hh")])[None]
        names = [weight(f"{kind}{i}", value) for kind, value in (("W", inner), ("R", state), ("B", bias))]
        add("LSTM", [x, *names], [f"all{i}", f"last{i}"], hidden_size=state.shape[2])
        initializers.append(numpy_helper.from_array(np.array([1]), f"axis{i}"))
        x = add("Squeeze", [f"all{i}", f"axis{i}"], [f"layer{i}"])
    initializers.append(numpy_helper.from_array(np.array([0]), "first"))
    last = add("Squeeze", [f"last{LAYERS - 1}", "first"], ["state"])
    product = add("MatMul", [last, weight("projection", arrays["linear.weight"].T)], ["product"])
    raw = add("Relu", [add("Add", [product, weight("bias", arrays["linear.bias"])], ["sum"])], ["raw"])
    add("LpNormalization", [raw], ["vectors"], axis=1, p=2)
    inputs = [helper.make_tensor_value_info("windows", TensorProto.FLOAT, ["W", WINDOW, N_MELS])]
    outputs = [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["W", SPEAKER_DIM])]
    graph = helper.make_graph(nodes, "speaker-encoder", inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="lfsc-tts")
    path.write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    export_speaker_encoder(torch.load(sys.argv[1], map_location="cpu", weights_only=True)["model_state"], GRAPH)
