"""Which checkpoint of a fine-tuned voice to keep: by what ten sentences sound like, and not by the loss alone.

A loss that still falls may go with speech that runs ever faster or loses words (voices made of minutes do both).

Shapes: N samples, C channels of a speaker vector.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from codec.speaker import SpeakerEncoder
from pipelines.speaking.synthesis import TTS

SENTENCES = (
    "The morning train was late again, and nobody on the platform seemed surprised.",
    "Could you tell me where the nearest pharmacy is?",
    "She folded the letter twice and put it back into the drawer.",
    "Thank you.",
    "We measured the depth of the river at seven different places.",
    "If the weather holds, they will harvest the barley on Thursday.",
    "No, I have never heard of him before.",
    "A thin layer of ice had formed on the windows during the night.",
    "The orchestra tuned their instruments while the last guests found their seats.",
    "What a strange idea!",
)
SPEECH_RATES = 0.9, 1.1  # of the recordings' rate


@dataclass(frozen=True)
class Score:
    """What a checkpoint was measured as."""

    similarity: float  # of the speech to the recordings, cosine of their vectors
    pace: float  # speech rate, of the recordings' rate
    error_rate: float | None  # of characters; None where no recogniser is installed
    confidence: float  # mean probability of the reading positions

    @property
    def total(self) -> float:
        """Larger is better: similarity, less what listeners would mind more."""
        slow, fast = SPEECH_RATES
        off = max(0.0, slow - self.pace, self.pace - fast)
        words = 1 - self.confidence if self.error_rate is None else 2 * self.error_rate
        return self.similarity - words - 2 * off

    def describe(self) -> str:
        """For the log."""
        cer = "" if self.error_rate is None else f", CER {100 * self.error_rate:.1f} %"
        return f"similarity {self.similarity:.3f}{cer}, pace {self.pace:.2f}"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Score":
        """Of what to_dict gave, whatever else is there."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})

    def to_dict(self) -> dict[str, float | None]:
        """For JSON."""
        return asdict(self) | {"total": self.total}


class Judge:
    """Speaks SENTENCES and listens.

    Args:
        target: the mean vector of the recordings, float32 [C].
        tokens_per_s: speech rate of the recordings, text tokens per second.
        wrong: error rate of a text and its speech; None = not asked.
    """

    def __init__(self, target: np.ndarray, tokens_per_s: float, wrong: Callable[[str, np.ndarray, int], float] | None):
        self.target, self.tokens_per_s, self.wrong, self.encoder = target, tokens_per_s, wrong, SpeakerEncoder()

    def __call__(self, tts: TTS) -> tuple[Score, list[np.ndarray]]:
        """The score of a voice, and what it said, float32 [N] each."""
        spoken, vectors, wrong, confidence, tokens, seconds = [], [], [], [], 0, 0.0
        for text in SENTENCES:
            speech = tts.synthesize(text, seed=0)
            spoken.append(speech.audio)
            vectors.append(self.encoder(speech.audio, speech.sample_rate))
            confidence.append(float(speech.confidence))
            tokens += sum(len(sentence.ids) for sentence in speech.sentences)
            seconds += len(speech.audio) / speech.sample_rate
            if self.wrong is not None:
                wrong.append((self.wrong(text, speech.audio, speech.sample_rate), len(text)))
        mean = np.mean(vectors, axis=0)
        similarity = float(mean @ self.target / np.linalg.norm(mean))
        errors = sum(rate * size for rate, size in wrong) / sum(size for _, size in wrong) if wrong else None
        return Score(similarity, tokens / seconds / self.tokens_per_s, errors, float(np.mean(confidence))), spoken
