"""Facts: what a codec's graphs say of it. The export writes them, the runtime reads them."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from codec.rates import Rates

KEY = "codec"  # of a graph's metadata


@dataclass(frozen=True)
class Facts(Rates):
    """All that the runtime has to know beside the graphs; sizes as in the codec's configuration."""

    family: str
    name: str
    sample_rate: int  # Hz
    hop_length: int  # samples per codec frame
    num_codebooks: int
    levels: tuple[int, ...]
    context: int  # codec frames after a frame that its audio depends on
    fingerprint: str  # of the code space
    weights: str  # SHA-256 of the model.safetensors that the graphs belong to
    history: int = 0  # codec frames before a frame that are decoded again with it
    n_fft: int = 0  # samples, of analysis and of source-filter synthesis
    stft_hop: int = 0  # samples, of the same
    n_mels: int = 0  # bands of the envelope that is coded
    highpass_hz: float = 0.0  # the analysis does not see what is slower; 0 = it sees all
    vocoder_sharpness: float = 0.0  # of decoded features over time
    # What the decoder keeps of a stream, by name: shapes at its start, without the batch, where all is zero.
    states: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def to_metadata(self) -> dict[str, str]:
        """As a graph keeps them."""
        return {KEY: json.dumps(asdict(self))}

    @classmethod
    def from_metadata(cls, metadata: dict[str, str]) -> "Facts":
        """Inverse of to_metadata.

        Raises:
            ValueError: not the metadata of a codec, or of another version.
        """
        try:
            values: dict[str, Any] = json.loads(metadata[KEY])
            states = {name: tuple(shape) for name, shape in values.pop("states").items()}
            return cls(**{**values, "levels": tuple(values["levels"]), "states": states})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("the graph was exported by another version; export the codec again") from error
