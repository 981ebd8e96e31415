"""Reading back what was written: how well codes say their text. No torch; every engine has this one.

Shapes: K codebooks, T frames, R steps, V sounds, S text tokens, s sounds of a text.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from speechllm.config import RecogniserConfig
from speechllm.request import Check, Frame
from speechllm.runtime.lm import WEIGHTS, digest, digit_values, load_graph

GRAPH = "recogniser.onnx"


@dataclass(frozen=True)
class RuntimeRecogniser:
    """A recogniser, whose graph is loaded when it is first asked for. Safe to share between threads."""

    folder: Path
    config: RecogniserConfig

    @classmethod
    def load(cls, folder: Path) -> "RuntimeRecogniser":
        """Find a recogniser in a folder written by Recogniser.save and export_recogniser.

        Raises:
            FileNotFoundError, ValueError: no recogniser, one without its graph, or one whose config.json is broken.
        """
        for name in ("config.json", WEIGHTS, GRAPH):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder} has no {name}; expected a recogniser from train-recogniser")
        try:
            config = RecogniserConfig.from_dict(json.loads((folder / "config.json").read_text("utf-8")))
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{folder} is not a readable recogniser: {error}") from error
        return cls(folder, config)

    @cached_property
    def graph(self) -> Any:
        """The network, an ONNX Runtime session; ValueError where it is broken or of other weights."""
        graph = load_graph(self.folder / GRAPH, threads=1)
        if graph.get_modelmeta().custom_metadata_map.get("weights") != digest(self.folder / WEIGHTS):
            raise ValueError(f"the graph in {self.folder} was made from other weights; restore the folder")
        return graph

    def check(self, ids: Sequence[int] | np.ndarray) -> Check:
        """How tries of a text, int64 [S], are told apart."""
        numbers = {token: number for number, token in enumerate(self.config.sounds, 1)}
        sounds = [numbers[token] for token in map(int, ids) if token in numbers]
        return Check(partial(self.misread, sounds=sounds), self.config.good)

    def misread(self, frames: Sequence[Frame], sounds: Sequence[int]) -> float:
        """How far frames are from saying `sounds`, nats per sound; inf = no time for them."""
        if not sounds or not frames:
            return 0.0 if not sounds else math.inf
        codes = np.stack([np.asarray(frame.codes) for frame in frames])
        (scores,) = self.graph.run(None, {"values": digit_values(codes, self.config.codes.levels)})
        return -log_probability(scores, sounds) / len(sounds)


def log_probability(scores: np.ndarray, sounds: Sequence[int]) -> float:
    """Of saying `sounds`, in any of the ways that CTC allows; -inf = there is none.

    Args:
        scores: log probabilities float32 [R, V + 1]; number 0 is no sound.
        sounds: numbers from 1 on, [s].
    """
    states = np.zeros(2 * len(sounds) + 1, np.int64)  # no sound, a sound, no sound, ...
    states[1::2] = sounds
    skips = np.zeros(len(states), bool)  # states that can be come to from two before
    skips[2:] = (states[2:] != 0) & (states[2:] != states[:-2])
    emitted = scores.astype(np.float64)[:, states]
    total = np.full(len(states), -np.inf)
    total[:2] = emitted[0, :2]
    for step in emitted[1:]:
        one, two = np.full_like(total, -np.inf), np.full_like(total, -np.inf)
        one[1:], two[2:] = total[:-1], total[:-2]
        total = np.logaddexp(np.logaddexp(total, one), np.where(skips, two, -np.inf)) + step
    return float(np.logaddexp(total[-1], total[-2]))
