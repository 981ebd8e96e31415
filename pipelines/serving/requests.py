"""What clients send: OpenAI's fields, ours, and those of other servers that are named as ignored.

Source: openai/types/audio/speech_create_params.py.
"""

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator, model_validator

from codec.audio.time_stretch import SPEEDS
from pipelines.serving.encoding import LEAST_RATE, MEDIA, MOST_RATE, check_format
from pipelines.speaking.manner import Manner
from speechllm.text.lexicon import Lexicon

MODELS = ("lfsc-tts", "tts-1", "tts-1-hd", "gpt-4o-mini-tts", "kokoro")  # one voice speaks for all of these names
Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
assert set(MEDIA) == set(get_args(Format))
# Sent by clients of Kokoro-FastAPI, speaches, vLLM-Omni, LocalAI and Chatterbox; nothing here corresponds to them.
IGNORED = frozenset(
    "cfg_scale chunk_size download_format exaggeration extra_body initial_codec_chunk_frames lang lang_code language "
    "max_new_tokens metadata min_p normalization_options normalize ref_audio ref_text repetition_penalty "
    "return_download_link return_timing split_voice streaming_chunk_size streaming_quality task_type top_k top_p user "
    "voice_instructions volume volume_multiplier x_vector_only_mode".split()
)
LONGEST_NAME = 200  # of a voice
MOST_WORDS = 200  # of a lexicon in a request


class VoiceId(BaseModel):
    """A voice as an object, as OpenAI's custom voices are named."""

    model_config = ConfigDict(extra="forbid")
    id: str = Field(min_length=1, max_length=LONGEST_NAME)


class Manners(BaseModel):
    """How something is spoken; of every route."""

    # Of further fields some are tolerated, see IGNORED; the description has those that mean something.
    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": False})
    model: str = Field(MODELS[0], json_schema_extra={"pattern": f"^(.*/)?({'|'.join(MODELS)})$"})
    voice: str | VoiceId = Field("", description="a name of /v1/audio/voices, or a blend a+b@0.4")
    response_format: Format = "mp3"
    speed: float = Field(1.0, allow_inf_nan=False, json_schema_extra={"minimum": SPEEDS[0], "maximum": SPEEDS[1]})
    instructions: str | None = None
    sample_rate: int | None = Field(None, ge=LEAST_RATE, le=MOST_RATE, description="Hz; pcm and opus 24,000")
    seed: int = Field(0, ge=0, lt=2**63)
    temperature: float | None = Field(None, ge=0, le=2)
    lexicon: dict[str, str] = Field(default_factory=dict, max_length=MOST_WORDS)
    prompt: str | None = Field(None, description="base64 of a recording, 3 to 15 s, of whose voice is to speak")
    consent: StrictBool = Field(False, description="whoever speaks in the prompt has agreed to it")

    @field_validator("model")
    @classmethod
    def known_model(cls, model: str) -> str:
        """See MODELS; those of an aggregator have its name before them."""
        if model.rpartition("/")[2] not in MODELS:
            raise ValueError(f"no model {model[:60]!r}; expected one of: {', '.join(MODELS)}")
        return model

    @field_validator("response_format")
    @classmethod
    def possible_format(cls, kind: Format) -> Format:
        """Whether this machine can write it."""
        check_format(kind)
        return kind

    @field_validator("speed")
    @classmethod
    def possible_speed(cls, speed: float) -> float:
        """OpenAI's 0.25 to 4 is wider than what sounds like speech."""
        Manner(speed=speed)
        return speed

    @field_validator("lexicon")
    @classmethod
    def readable(cls, words: dict[str, str]) -> dict[str, str]:
        """Each entry is a word and its sounds."""
        Lexicon.of(words)
        return words

    @model_validator(mode="after")
    def known_fields(self) -> "Manners":
        """Whether what is not ours is at least known."""
        unknown = sorted(set(self.model_extra or {}) - IGNORED)
        if unknown:
            known = ", ".join(sorted(type(self).model_fields))
            raise ValueError(f"unknown field {unknown[0][:60]!r}; expected some of: {known}")
        return self

    @field_validator("voice")
    @classmethod
    def short_name(cls, voice: str | VoiceId) -> str | VoiceId:
        """No name is longer."""
        if isinstance(voice, str) and len(voice) > LONGEST_NAME:
            raise ValueError(f"got a name of {len(voice)} characters; expected {LONGEST_NAME} at most")
        return voice

    @property
    def ignored(self) -> list[str]:
        """What was sent and makes no difference."""
        unused = [name for name in self.model_extra or {} if name in IGNORED]
        return sorted([*unused, *(["instructions"] if self.instructions else [])])

    @property
    def voice_name(self) -> str:
        """What the voice is called; empty if nobody is named."""
        return self.voice if isinstance(self.voice, str) else self.voice.id

    @property
    def sampling(self) -> dict[str, Any]:
        """Options of TTS.pieces."""
        return {} if self.temperature is None else {"temperature": self.temperature}


class SpeechRequest(Manners):
    """POST /v1/audio/speech."""

    input: str = Field(min_length=1)
    stream_format: Literal["audio", "sse"] = "audio"
    stream: bool = True  # of other servers: False waits for the whole, whose header then has true lengths
    timestamps: bool = False  # words with their times among the events of sse

    @model_validator(mode="after")
    def words_have_a_place(self) -> "SpeechRequest":
        """Bytes of audio have none."""
        if self.timestamps and self.stream_format != "sse":
            raise ValueError("timestamps go with stream_format sse, or with /v1/audio/speech/captioned")
        return self


class TalkRequest(Manners):
    """The WebSocket's session.config."""

    timestamps: bool = False  # messages of words with their times, as they are spoken


class DetokenizeRequest(BaseModel):
    """POST /v1/audio/detokenize."""

    model_config = ConfigDict(extra="forbid")
    codes: list[list[int]] = Field(min_length=1, max_length=64, description="[K][T], a list for each codebook")
    codec: str = ""
    response_format: Format = "wav"
    sample_rate: int | None = Field(None, ge=LEAST_RATE, le=MOST_RATE)
