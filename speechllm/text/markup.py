"""Markup that is not said: Markdown and HTML, taken out of a text."""

import html
import re

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
TAG = re.compile(r"</?[A-Za-z][^<>]*>")
IMAGE_OR_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
LINE_START = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+)", re.MULTILINE)
EMPHASIS = re.compile(r"(\*\*|__|\*|`+)(?=\S)(.+?)(?<=\S)\1")


def strip_markup(text: str) -> str:
    """Text without Markdown and HTML; a link is its text."""
    text = TAG.sub("", COMMENT.sub("", text))
    text = EMPHASIS.sub(r"\2", IMAGE_OR_LINK.sub(r"\1", LINE_START.sub("", text)))
    return html.unescape(text)
