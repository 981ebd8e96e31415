"""Plots as files."""

import io
from typing import Any


def png(figure: Any) -> bytes:
    """A matplotlib figure as PNG; the same figure gives the same bytes."""
    image = io.BytesIO()
    figure.savefig(image, dpi=150, metadata={"Software": None})
    return image.getvalue()
