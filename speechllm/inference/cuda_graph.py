"""The decoding step as one CUDA graph: captured once, replayed with a single launch a step."""

import torch

from speechllm.inference.step import Stepper

WARMUP_STEPS = 3  # before capture, so that libraries have chosen their kernels and workspaces


class CapturedStep:
    """A Stepper over all rows of a GPU engine, captured with sampling; calling it advances every row by a step.

    Rows without a request step along: their results are ignored, and admission sets all of their state.
    """

    def __init__(self, stepper: Stepper):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARMUP_STEPS):
                stepper()
        torch.cuda.current_stream().wait_stream(stream)
        self.stepper = stepper  # keeps alive what the graph reads and writes
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            stepper()

    def __call__(self) -> None:
        self.graph.replay()
