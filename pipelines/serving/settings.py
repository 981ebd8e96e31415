"""What a server is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """What one request, and all of them, may take."""

    input_chars: int = 4096  # OpenAI's
    body_bytes: int = 262_144
    upload_bytes: int = 10_000_000  # of audio, as sent
    upload_s: float = 120.0  # of audio, decoded
    prompt_bytes: int = 4_000_000  # of a prompt, as sent; as base64 it is a third more
    prompt_s: float = 60.0  # of a prompt, decoded; what is listened to is less, see speaking/prompts.py
    bodies_bytes: int = 200_000_000  # of all bodies at once
    body_s: float = 30.0  # until a body has come
    header_s: float = 10.0  # until the head of a request has come
    audio_s: float = 900.0  # of one answer
    request_s: float = 600.0  # from its admission to its last byte
    idle_s: float = 30.0  # of a client that takes nothing
    wait_s: float = 10.0  # in the queue
    queue: int = 0  # requests that wait; 0 = as many as may speak
    connections: int = 512


@dataclass(frozen=True)
class Replicas:
    """How many servers under Ray Serve; as many as are needed in between."""

    least: int = 1
    most: int = 1


@dataclass(frozen=True)
class Settings:
    """See the flags of pipelines/serve.py."""

    voices: tuple[str, ...] = ()  # names or folders; none = all shipped ones that speak without torch
    codecs: tuple[Path, ...] = ()  # folders with graphs, beside those of the voices
    threads: int = 1  # that speak
    streams: int = 0  # at once; 0 = as measured
    tries: int = 1  # of a sentence at most, see TTS; 0 = as the voice says
    keys: tuple[str, ...] = ()  # none = everybody may speak
    hosts: tuple[str, ...] = ()  # that a Host header may name, without ports; none = any
    origins: tuple[str, ...] = ()  # of pages, beside the server's own
    watermark: bool = True
    log_text: bool = False
    limits: Limits = field(default_factory=Limits)
