"""A speech LM folder -> its graphs, beside the weights they use."""

import json
from pathlib import Path

from speechllm.config import LMConfig
from speechllm.export.graph import Graph, WeightFile
from speechllm.export.int8 import Int8File
from speechllm.export.prefill import PrefillGraph
from speechllm.export.prefix import PrefixGraph
from speechllm.export.step import StepGraph


def export_lm(folder: str | Path) -> None:
    """Write prefill.onnx and step*.onnx into a folder that SpeechLM.save_pretrained wrote.

    A model of voice prefixes gets the graph that makes them too.

    Raises:
        ValueError: a width of heads that ONNX Runtime does not take.
    """
    folder = Path(folder)
    config = LMConfig.from_dict(json.loads((folder / "config.json").read_text("utf-8")))
    if config.head_width % 16:
        raise ValueError(f"got heads of {config.head_width} channels; ONNX Runtime's attention takes multiples of 16")
    weights, int8 = WeightFile(folder / "model.safetensors"), Int8File(folder / "int8.data")
    graph = Graph(weights, eps=config.norm_eps)
    PrefillGraph(graph, config).write()
    graph.save(folder / "prefill.onnx", "prefill")
    if config.prefix_positions:
        graph = Graph(weights)
        PrefixGraph(graph, config).write()
        graph.save(folder / "prefix.onnx", "prefix")
    for precision, factors in (("float32", None), ("int8", int8)):
        for name, rows in (("step", 1), ("guided-step", 2)):
            graph = Graph(weights, factors, config.norm_eps)
            StepGraph(graph, config, rows).write()
            graph.save(folder / f"{name}-{precision}.onnx", name)
    int8.save()
