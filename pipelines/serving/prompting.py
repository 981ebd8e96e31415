"""A prompt over HTTP: the voice of a recording that came with a request, for that request alone and in memory alone.

It is decoded and looked at by the engine's threads, in steps, so that the speech of others goes between them.
"""

import base64
import binascii
from collections.abc import Iterator

import numpy as np

from pipelines.serving.errors import ApiError
from pipelines.serving.rendering import Encoded
from pipelines.serving.requests import Manners
from pipelines.serving.settings import Limits
from pipelines.serving.uploads import decoded
from pipelines.shared.errors import UserError
from pipelines.speaking.loading import prompted
from pipelines.speaking.prompts import usable_speech
from pipelines.speaking.synthesis import TTS

STEP = Encoded(np.empty(0, np.float32), np.empty((0, 0), np.int64))  # of work that makes no sound


def most_chars(limits: Limits) -> int:
    """Characters that a prompt in base64 may have, a data URL's head included."""
    return 4 * (limits.prompt_bytes // 3 + 1) + 100


def check(wanted: Manners, limits: Limits) -> None:
    """Raise ApiError for a prompt without consent, or one that is too large."""
    if not wanted.prompt:
        return
    if not wanted.consent:
        message = 'a prompt takes the consent of whoever speaks in it; if you have it, say so with "consent": true'
        raise ApiError(400, message, "consent", "consent_required")
    if len(wanted.prompt) > most_chars(limits):
        raise ApiError(413, f"the prompt is larger than {limits.prompt_bytes} bytes", "prompt", "body_too_large")


class Prompt:
    """A recording on its way to a voice.

    Args:
        tts: of a voice of many.
        text: base64 of an audio file, or a data URL of it.
        limits: of its size and length.

    Attributes:
        tts: speaks as whoever is heard, once `pieces` has ended.
    """

    def __init__(self, tts: TTS, text: str, limits: Limits):
        self.tts, self.text, self.limits = tts, text, limits

    def pieces(self) -> Iterator[Encoded]:
        """Listen to it; for the engine's threads.

        Raises:
            ApiError: it says too little of a voice.
        """
        try:
            voice = self.tts.voice
            recording, rate = decoded(from_base64(self.text), self.limits.prompt_s, "the prompt")
            yield STEP
            audio, findings = usable_speech(recording, rate, voice.codec.sample_rate, "the prompt")
            yield STEP
            self.tts = self.tts.sharing(prompted(voice, audio, findings))
            yield STEP
        except UserError as error:
            raise ApiError(400, str(error), "prompt", "unusable_prompt") from None

    @property
    def findings(self) -> str:
        """What was found, for a header."""
        return self.tts.voice.findings.describe().removeprefix("prompt: ")


def from_base64(text: str) -> bytes:
    """The bytes; UserError for what is no base64."""
    try:
        return base64.b64decode(text.partition("base64,")[2] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError):
        raise UserError("the prompt is no base64; expected that of an audio file") from None
