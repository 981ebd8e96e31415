"""What nobody hears goes, and each pause is written once.

`settle` ends the work: only letters, apostrophes, hyphens and `,.;:!?—` remain.
"""

import re

from speechllm.text.rules.digits import DIGITS
from speechllm.text.rules.rule import Rules

QUOTED = re.compile(r"(?<![\w.])'(?=\w)((?:[^']|(?<=\w)'(?=\w))*)(?<=[\w,.!?])'(?!\w)")
# The last word of a time.
HOUR = (
    "(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|clock|seconds?|minutes?|hundred|noon|"
    "[a-z]+teen|(?:twen|thir|for|fif)ty)"
)
ELIDED = r"(?i:em|cause|til|bout|tis|twas)\b"  # words that begin with an apostrophe


def _strongest(match: re.Match[str]) -> str:
    """One pause for several marks: '?!' -> '?', ',.' -> '.'; the last stop of "D.C." is no pause."""
    marks = match[0]
    acronym = marks[0] == "." and re.search(r"\.[A-Za-z]$", match.string[: match.start()][-2:])
    if acronym:
        marks = marks[1:]
    pause = next((mark for mark in "?!.;:—," if mark in marks), "")
    return ("." + pause.replace(".", "")) if acronym else pause


SETTLED = Rules(
    (r"\bus (?=dollars?\b)", "U.S. "),  # the grammar's word for US$, not the pronoun
    (r"\d", lambda m: f" {DIGITS[int(m[0])]} "),  # what the grammar left
    (rf"\b({HOUR}) ([AP])M\b\.?", r"\1 \2.M."),  # never the verb
    (r"[\"°€£¥₹₩₽₺₫₪₴₿₦₱¢$%#@&+=/\\^*<>|~_`{}Ωμ★]", " "),
    (r"\s*–\s*", " — "),
    (r"(?<!\w)'(?!\w)|''+", " "),
    (rf"(?<!\w)'(?=\w)(?!{ELIDED})", ""),
    (r"(?<!\w)-+(?!\w)|--+|(?<=\w)- -(?=\w)", "—"),
    (r"(?<!\w)-(?=\w)|(?<=\w)-(?!\w)", " "),
    (r"\)(?=\W*$)", ""),
    (r"[()]", ","),  # a bracket is heard as the pause of a comma
    (r"\.{2,}(?=\s*(?:$|(?!I\b)[A-Z]))", "."),
    (r"\.{2,}", ", "),
    (r"\s+(?=[,.;:!?])|\s*(?=—)|(?<=—)\s*", ""),
    (r"(?<=\w)[,.;:!?—](?:[,.;:!?—\s]*[,.;:!?—])?(?=\s|$|\w)", _strongest),
    (r"(?<=[^\W\d_]{2})\.(?=[^\W\d_])|\.(?=[^\W\d_]{2})", ". "),
    (r"([,;:!?])(?=[^\W\d_])", r"\1 "),
    (r"(?<=—)\s+", ""),
    (r"^[\s,.;:!?—'-]+(?=[\s,.;:!?—'-])|^[\s,.;:!?—-]+", ""),
)


def unquote(text: str) -> str:
    """Drop quotation marks, which nobody hears; an inch and an apostrophe are none."""
    if text.count('"') % 2:
        text = re.sub(r"(?<=\d)\"(?! ?[NSEW]\b)", " inches", text)
    text = re.sub(r"(?<!\w)'n'(?!\w)", "and", re.sub(r"(?<!\d)\"|(?<=\d)\"(?! ?[xX]| ?\d)", _mark, text))
    return QUOTED.sub(r"\1", text) if "'" in text else text


def _mark(match: re.Match[str]) -> str:
    """An inch stands behind a number whose opening quotation mark is missing: 5'11" and 3" x 5"."""
    head = match.string[: match.start()]
    return '"' if re.search(r"\d'\s?[\d/ ]+$|\d\"? ?[xX] ?[\d/.]+$", head) else ""


def settle(text: str) -> str:
    """Only letters, apostrophes, hyphens and `,.;:!?—` remain, each pause written once."""
    return " ".join(SETTLED(text).split())
