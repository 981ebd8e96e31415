"""Graphs of a codec folder, opened. The only file that knows onnxruntime."""

from pathlib import Path

import numpy as np
import onnxruntime

from codec.runtime.facts import Facts


class Session:
    """One graph. Safe to share between threads."""

    def __init__(self, path: Path, threads: int):
        """Open a graph; ValueError if it is broken or of another version."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            self.facts = Facts.from_metadata(self.session.get_modelmeta().custom_metadata_map)
        except Exception as error:  # onnxruntime's errors have no public base
            raise ValueError(f"{path} does not load: {' '.join(str(error).split())[:300]}") from error
        self.outputs = [output.name for output in self.session.get_outputs()]

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The graph's outputs by name."""
        return dict(zip(self.outputs, self.session.run(self.outputs, inputs), strict=True))
