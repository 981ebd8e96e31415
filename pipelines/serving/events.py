"""Server-sent events."""

import json
from typing import Any

from pipelines.serving.errors import ApiError

MEDIA = "text/event-stream"


def event_of(body: dict[str, Any]) -> bytes:
    """One of them."""
    return f"data: {json.dumps(body, separators=(',', ':'))}\n\n".encode()


def error_event(error: ApiError) -> bytes:
    """The last one of an answer that is not complete."""
    return event_of({"type": "speech.audio.error", **error.body})
