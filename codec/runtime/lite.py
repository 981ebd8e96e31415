"""The lite family without torch: the networks are graphs, analysis and synthesis are numpy.

Shapes: B batch, K codebooks, T codec frames, S STFT frames.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from codec.licence import Licence
from codec.runtime.analysis.features import Analysis
from codec.runtime.interface import RuntimeCodec, RuntimeStream, checked_pieces
from codec.runtime.session import Past, Session
from codec.runtime.source_filter import Filters, SourceFilter, Tables


class LiteRuntime(RuntimeCodec):
    """A lite codec."""

    def __init__(self, decoder: Session, encoder: Path, threads: int, licence: Licence | None):
        super().__init__(decoder, encoder, threads, licence)
        self.tables = Tables(self.facts.sample_rate, self.facts.n_fft, self.facts.stft_hop)

    @cached_property
    def analysis(self) -> Analysis:
        """Audio -> what the graph takes."""
        return Analysis(self.facts)

    def encode_chunks(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See RuntimeCodec.encode_chunks. Codes come some seconds after their audio."""
        encoder, past = self.encoder, None
        for features, last in self.analysis(checked_pieces(chunks)):
            inputs = {name: values[None] for name, values in features._asdict().items()}
            found, past = encoder.step(inputs | {"last": np.array([int(last)])}, past, batch=1)
            yield found["codes"]

    def stream(self) -> RuntimeStream:
        """See RuntimeCodec.stream."""
        return LiteRuntimeStream(self)


class LiteRuntimeStream(RuntimeStream):
    """Every frame goes through the networks once: each convolution keeps the frames it will see again."""

    codec: LiteRuntime

    def __init__(self, codec: LiteRuntime):
        super().__init__(codec)
        self.codes: np.ndarray | None = None  # [B, K, t] that wait, as long as they are too few for the graph
        self.past: Past | None = None  # of the graph, from its first run on
        self.synthesis: SourceFilter | None = None
        self.audio: np.ndarray | None = None  # [B, n], less than a codec frame

    def advance(self, codes: np.ndarray, last: bool) -> np.ndarray:
        """See RuntimeStream."""
        batch, hop = len(codes), self.codec.hop_length
        if self.codes is not None:
            codes = np.concatenate([self.codes, codes], axis=2)
        too_few = not last and (codes.shape[2] <= self.codec.context if self.synthesis is None else not codes.shape[2])
        self.codes = codes if too_few else None
        if too_few or (self.synthesis is None and not codes.shape[2]):
            return np.zeros((batch, 0), np.float32)
        if self.synthesis is None:
            self.synthesis = SourceFilter(self.codec.tables, batch)
        audio = self.synthesis.push(self.filters(codes, last), last)
        if self.audio is not None:
            audio = np.concatenate([self.audio, audio], axis=1)
        whole = audio.shape[1] // hop * hop
        self.audio = audio[:, whole:]
        return audio[:, :whole]

    def filters(self, codes: np.ndarray, last: bool) -> Filters:
        """Run the graph: codes int64 [B, K, t] -> the filters that are certain."""
        inputs = {"codes": codes, "last": np.array([int(last)])}
        found, self.past = self.codec.decoder.step(inputs, self.past, len(codes))
        return Filters(*(found[name] for name in Filters._fields))
