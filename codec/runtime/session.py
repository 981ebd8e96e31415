"""Graphs of a codec folder, opened. The only file that knows onnxruntime."""

import os
from pathlib import Path
from typing import TypeAlias

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else it collects, and writes into the home folder
import onnxruntime  # noqa: E402

from codec.runtime.facts import Facts  # noqa: E402

Past: TypeAlias = dict[str, np.ndarray]  # what a stream keeps, by name


def open_graph(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """A graph on the CPU, safe to share between threads; ValueError if it is broken or of another version."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no public base
        raise ValueError(f"{path} does not load: {' '.join(str(error).split())[:300]}") from error


class Session:
    """One graph of a codec. Safe to share between threads."""

    def __init__(self, path: Path, threads: int):
        """Open a graph; ValueError if it is broken or of another version."""
        self.session = open_graph(path, threads)
        try:
            self.facts = Facts.from_metadata(self.session.get_modelmeta().custom_metadata_map)
        except (ValueError, KeyError) as error:
            raise ValueError(f"{path} does not load: {' '.join(str(error).split())[:300]}") from error
        self.outputs = [output.name for output in self.session.get_outputs()]

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The graph's outputs by name."""
        return dict(zip(self.outputs, self.session.run(self.outputs, inputs), strict=True))

    def step(self, inputs: dict[str, np.ndarray], past: Past | None, batch: int) -> tuple[dict[str, np.ndarray], Past]:
        """Outputs by name, and what the next step needs of the past; None is the start of a stream."""
        states = self.facts.states
        if past is None:
            past = {name: np.zeros((batch, *shape), np.float32) for name, shape in states.items()}
        found = self.run(inputs | {f"past.{name}": value for name, value in past.items()})
        return found, {name: found[f"next.{name}"] for name in states}
