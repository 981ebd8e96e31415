"""RuntimeLM: the graphs of a speech LM folder, loaded once and shared by all sessions."""

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else it collects, and writes into the home folder
import onnxruntime  # noqa: E402

from speechllm.config import LMConfig, Precision  # noqa: E402

PRECISIONS: tuple[Precision, ...] = ("int8", "float32")
PREFILL, PREFIX, WEIGHTS = "prefill.onnx", "prefix.onnx", "model.safetensors"


@dataclass
class RuntimeLM:
    """Prefill and steps of a model. Safe to share between threads.

    Args:
        folder: of the model, with its graphs.
        config: of the model.
        precision: of the weights in steps; a text is always prefilled in float32, as all that is said rests on it.
        threads: of one call; more than one make a step of a small model slower.
    """

    folder: Path
    config: LMConfig
    precision: Precision = "int8"
    threads: int = 1
    graphs: dict[str, onnxruntime.InferenceSession] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, folder: str | Path, precision: Precision = "int8", threads: int = 1) -> "RuntimeLM":
        """Load a folder written by SpeechLM.save_pretrained and speechllm.export.

        Raises:
            FileNotFoundError, ValueError: not a speech LM, one without graphs, or one that is broken.
        """
        folder = Path(folder)
        if precision not in PRECISIONS:
            raise ValueError(f"got precision {precision!r}; without torch expected one of {', '.join(PRECISIONS)}")
        for name in ("config.json", WEIGHTS, PREFILL):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder} has no {name}; expected a speech LM that was exported")
        try:
            config = LMConfig.from_dict(json.loads((folder / "config.json").read_text("utf-8")))
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{folder} is not a readable speech LM: {error}") from error
        lm = cls(folder, config, precision, threads)
        wanted = digest(folder / WEIGHTS)
        for graph in (lm.graph(PREFILL), lm.step_graph(1)):
            if graph.get_modelmeta().custom_metadata_map.get("weights") != wanted:
                raise ValueError(f"the graphs in {folder} were made from other weights; export it again")
        return lm

    def step_graph(self, rows: int) -> onnxruntime.InferenceSession:
        """The step of one request; of two rows where it is guided."""
        name = f"{'step' if rows == 1 else 'guided-step'}-{self.precision}.onnx"
        if rows > 1 and not (self.folder / name).is_file():
            raise ValueError(f"{self.folder} has no {name}; export the voice again, or use guidance=1")
        return self.graph(name)

    def graph(self, name: str) -> onnxruntime.InferenceSession:
        """A graph of the folder, loaded when it is first asked for."""
        with self.lock:
            if name not in self.graphs:
                self.graphs[name] = load_graph(self.folder / name, self.threads)
            return self.graphs[name]

    def prefill(self, ids: np.ndarray, prefix: np.ndarray | None) -> dict[str, np.ndarray]:
        """What stands before the first frame, run through all layers at once.

        Args:
            ids: int64 [s].
            prefix: of a voice, float32 [Q, D]; None = none.

        Returns:
            `keys` and `values` float32 [L, G, S, E] of S = Q + s positions, and where the model has a reader its
            `text`, `reader_keys` and `reader_values` [S, D].
        """
        graph = self.graph(PREFILL)
        inputs: dict[str, np.ndarray] = {"ids": ids.astype(np.int64)}
        if self.config.prefix_positions:
            empty = np.zeros((0, self.config.dim), np.float32)
            inputs["prefix"] = empty if prefix is None else prefix.astype(np.float32)
        names = [output.name for output in graph.get_outputs()]
        return dict(zip(names, graph.run(names, inputs), strict=True))

    def voice_prefix(self, codes: np.ndarray | None, speaker: np.ndarray | None = None) -> np.ndarray | None:
        """What stands before a text so that it is spoken by a voice: float32 [Q, D]; None where the model knows none.

        Args:
            codes: of a recording of the voice, int64 [K, T]; None = none at hand.
            speaker: its vector, of length 1, float32 [C]; None = none at hand.
        """
        config, inputs, parts = self.config, {}, []
        if not config.prefix_positions:
            return None
        if config.speaker_dim:
            inputs["vector"] = np.zeros(config.speaker_dim, np.float32) if speaker is None else speaker
            parts.append("no_speaker" if speaker is None else "speaker")
        if config.prefix_queries:
            frames = np.zeros((1, config.codes.num_codebooks), np.int64) if codes is None else codes.T
            inputs["values"] = digit_values(frames, config.codes.levels)
            inputs["sinusoids"] = sinusoids(len(frames), config.dim)
            parts.append("no_recording" if codes is None else "recording")
        return np.concatenate(self.graph(PREFIX).run(parts, inputs))


def digit_values(codes: np.ndarray, levels: Sequence[int]) -> np.ndarray:
    """Codes int64 [T, K] -> the value of each digit, float32 [T, P] in [-1, 1]; see digits.py."""
    bases, half = np.cumprod([1, *levels[:-1]]), np.array(levels) // 2
    values: np.ndarray = (codes[..., None] // bases % np.array(levels) - half) / half
    return values.reshape(len(codes), -1).astype(np.float32)


def sinusoids(length: int, dim: int) -> np.ndarray:
    """Position signals, float32 [length, dim]; see model/voice_prefix.py."""
    angles = np.arange(length)[:, None] * (10_000.0 ** (-np.arange(0, dim, 2) / dim))
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, -1).astype(np.float32)


def load_graph(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session on the CPU.

    Raises:
        ValueError: the file is missing or is no graph that this version runs.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no common base that is public
        raise ValueError(f"{path} does not load: {' '.join(str(error).split())[:300]}") from error


def digest(path: Path) -> str:
    """What tells the weights that graphs were made from."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def has_graphs(folder: Path) -> bool:
    """Whether a speech LM folder was exported."""
    return (folder / PREFILL).is_file()
