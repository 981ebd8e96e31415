"""Who is timed: a voice, or an untrained model of some configuration with an untrained codec."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.texts.lengths import LENGTHS
from codec import Codec
from codec import from_config as codec_from_config
from pipelines.shared.errors import UserError
from pipelines.shared.resources import CONFIGS
from pipelines.shared.settings import build, load_yaml
from pipelines.speaking.manner import Manner
from pipelines.speaking.synthesis import TTS
from speechllm import CodeSpec, LMConfig, SamplingConfig, SpeechLM
from speechllm.config import Precision

LFSC = CodeSpec(22_050 / 1024, 8, (8, 7, 6, 6))
UNTRAINED_S = {"short": 0.5, "medium": 1.0, "long": 2.0}  # seconds an untrained model speaks, times `pace`
TOKENS_PER_S = 14  # of speech
LONGEST = 4096  # frames; more than anything that is timed
ENDLESS = SamplingConfig(min_frames=10**6, trailing_frames=10**6)


@dataclass(frozen=True)
class Subject:
    """Who is timed. `tts` is None for an untrained model, which is given token numbers and stopped by the clock."""

    name: str
    lm: SpeechLM
    codec: Codec
    sampling: SamplingConfig
    tts: TTS | None = None
    pace: float = 1.0  # an untrained model speaks so many times UNTRAINED_S

    def sentences(self, length: str) -> list[torch.Tensor]:
        """Token ids int64 [S] of each sentence of a text of LENGTHS."""
        if self.tts is None:
            return [torch.arange(self.tokens(length)) % self.lm.config.vocab_size]
        sentences = self.tts.passages([LENGTHS[length]], Manner())
        prepared = [part for s in sentences for part in self.tts.parts(self.tts.frontend(s.text))]
        return [torch.tensor(part.ids) for part in prepared]

    def frames(self, length: str) -> int | None:
        """Frames after which an untrained model is stopped."""
        return None if self.tts else round(UNTRAINED_S[length] * self.pace * self.codec.frame_rate)

    def tokens(self, length: str) -> int:
        """Text tokens an untrained model is given."""
        return min(self.lm.config.max_text, max(1, round(UNTRAINED_S[length] * self.pace * TOKENS_PER_S)))


def voice_subject(name: str, device: str = "cpu", precision: Precision | None = None) -> Subject:
    """A voice by name or folder. Raises UserError if there is none."""
    tts = TTS.from_pretrained(name, precision=precision, engine="torch")
    return Subject(tts.voice.name, tts.voice.lm.to(device), tts.voice.codec.to(device), tts.sampling, tts)


def untrained_pair(config: Path, device: str = "cpu", pace: float = 1.0, frames_per_step: int = 1) -> list[Subject]:
    """The model of a configuration with random weights, at 21.5 and at 86 frames a second, with codecs likewise.

    With `frames_per_step` above 1 both are at 21.5 frames a second, the first writing so many in a step.
    """
    if frames_per_step == 1:
        return [untrained(config, rate, device, pace) for rate in ("21.5fps", "86fps")]
    return [untrained(config, "21.5fps", device, pace, count) for count in (frames_per_step, 1)]


def untrained(config: Path, rate: str, device: str, pace: float, frames_per_step: int = 1) -> Subject:
    """The model of a configuration with random weights, and the codec of configs/codec/lite-RATE.yaml likewise."""
    codec = codec_from_config(CONFIGS / f"codec/lite-{rate}.yaml").eval().to(device)
    shape = lm_config(config, CodeSpec(codec.frame_rate, codec.num_codebooks, codec.levels))
    with torch.device("meta"):
        lm = SpeechLM(replace(shape, max_frames=LONGEST, frames_per_step=frames_per_step))
    lm = lm.to_empty(device=device).eval()
    fill(lm)
    name = f"{config.stem} {rate}" + (f", {frames_per_step} frames a step" if frames_per_step > 1 else "")
    return Subject(name, lm, codec, ENDLESS, pace=pace)


def lm_config(path: Path, spec: CodeSpec = LFSC) -> LMConfig:
    """The model of a configuration, for codes as given. Raises UserError if there is none."""
    if not path.is_file():
        raise UserError(f"{path} does not exist; expected a configuration such as configs/speechllm/base.yaml")
    values = load_yaml(path.read_text("utf-8"), str(path)).get("model", {})
    codes = {"frame_rate": spec.frame_rate, "num_codebooks": spec.num_codebooks, "levels": list(spec.levels)}
    config: LMConfig = build(LMConfig, {"vocab_size": 80, "codes": codes, **values})
    return config


@torch.no_grad()
def fill(lm: SpeechLM) -> None:
    """Small random weights; on the meta device nothing was initialised."""
    for parameter in lm.parameters():
        parameter.uniform_(-0.03, 0.03)
