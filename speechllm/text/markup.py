"""Markup that nobody says: Markdown, HTML, footnote marks and the colours of a terminal -> the text alone.

Lines stay lines, so that headings and list items are still apart; numbers of a list and what stands in `[[...]]` stay.
"""

import html
import re
from collections.abc import Callable

Replacement = str | Callable[[re.Match[str]], str]
# fmt: off
BLOCKS = (
    "p div br li ul ol dl dt dd tr table thead tbody section article header footer main nav aside h1 h2 h3 h4 h5 h6 "
    "blockquote pre hr figure figcaption form fieldset body html head title center option"
)
INLINE = (
    "a abbr acronym address b bdi bdo big button cite code col colgroup data del dfn em font i iframe img input ins "
    "kbd label link mark meta noscript object picture q ruby rp rt s samp select small source span strike strong sub "
    "summary details sup svg td th time tt u var video audio wbr nobr"
)
# fmt: on
ATTRIBUTES = r"(?:\s+[^<>]*?)?\s*/?"


def _rules(*pairs: tuple[str, Replacement]) -> list[tuple[re.Pattern[str], Replacement]]:
    return [(re.compile(pattern, re.MULTILINE), replacement) for pattern, replacement in pairs]


def _names(names: str) -> str:
    return "|".join(sorted(names.split(), key=len, reverse=True))


def _cells(match: re.Match[str]) -> str:
    """'| a | b |' -> 'a, b'."""
    return ", ".join(cell.strip() for cell in match[0].strip().strip("|").split("|"))


RULES = _rules(
    (r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]", ""),  # a terminal's colours and titles
    (r"(?s)<!--.*?(?:-->|\Z)|<\?xml.*?\?>|<!DOCTYPE[^>]*>", ""),
    (r"(?is)<(script|style|template)\b[^<>]*>.*?</\1\s*>", ""),
    (r"<((?:https?|mailto|ftp):[^<>\s]+)>", r"\1"),
    (rf"(?i)</?(?:{_names(BLOCKS)})\b{ATTRIBUTES}>", "\n"),
    (rf"(?i)</?(?:{_names(INLINE)})\b{ATTRIBUTES}>", ""),
    (r"^ {0,3}(?:```|~~~).*$", ""),  # fences; what is between them stays
    (r"^ {0,3}\[[^\]\n]+\]:[ \t]+\S.*$", ""),  # where a link or a footnote is explained
    (r"^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,}|={3,}[ \t]*)$", ""),  # a rule, or below a heading
    (r"^[ \t]*\|?[ \t]*:?-{3,}:?[ \t]*(?:\|[ \t]*:?-{3,}:?[ \t]*)+\|?[ \t]*$", ""),
    (r"^[ \t]*\|.+\|[ \t]*$", _cells),
    (r"^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$", r"\1"),
    (r"^ {0,3}(?:>[ \t]?)+", ""),
    (r"^[ \t]*[-*+•][ \t]+(?:\[[ xX]\][ \t]+)?(?=\S)", ""),
    (r"!\[([^\]\n]*)\]\([^()\s]*(?:\([^()\s]*\))?[^()\n]*\)", r"\1"),
    (
        r"(?<![\[!])\[((?:[^\[\]\n]|\[[^\[\]\n]*\])+)\]"
        r"\((?:<[^<>\n]*>|[^()\s]*(?:\([^()\s]*\))?[^()\s]*)(?:\s+[\"'(][^\n]*?[\"')])?\)",
        r"\1",
    ),
    (r"(?<![\[!\w])\[([^\[\]\n]+)\]\[[^\[\]\n]*\]", r"\1"),
    (r"(``?)(?=\S)([^`\n]*?)(?<=\S)\1", r"\2"),
    (r"(?<![\w*\\])(\*{1,3})(?=\S)([^\n]{1,500}?)(?<=[^\s\\])\1(?![\w*])", r"\2"),
    (r"(?<![\w\\])(_{1,3})(?=[^\s_])([^\n]{1,500}?)(?<=[^\s_\\])\1(?!\w)", r"\2"),
    (r"~~(?=\S)([^\n]{1,500}?)~~", r"\1"),
    (r"\[\^[^\[\]\s]+\]", ""),
    (
        r"(?<=[\w.,;:!?\"'”’)\]])"
        r"\[(?:\d{1,3}(?:[,–-] ?\d{1,3})*|[a-z]|note \d+|nb \d+|citation needed|sic)\](?!\()",
        "",
    ),
    (r"(?<=[^\W\d_]{3})[⁰¹²³⁴-⁹]+(?![⁻⁺\w])", ""),  # but m² and E = mc²
    (r"(?<=[.,;:!?\"'”’)])[⁰¹²³⁴-⁹]+", ""),
    (r"\\([\\`*_{}\[\]()#+.!|<>~-])", r"\1"),
    (r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});", lambda match: html.unescape(match[0])),
)
MAYBE = re.compile(r"[\x1b<&#*_`~>|\[\\⁰¹²³⁴-⁹•]|^\s*[-+=]", re.MULTILINE)


def strip_markup(text: str) -> str:
    """`text` without its markup.

    Args:
        text: a paragraph or a whole text, as written.

    >>> strip_markup("## A *title* with [a link](https://example.org)[1] &amp; more")
    'A title with a link & more'
    """
    if not MAYBE.search(text):
        return text
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text
