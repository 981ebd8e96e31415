"""Signs that are said as words, and those that are not said."""

import re

from speechllm.text.rules.rule import Rules


def _power(match: re.Match[str]) -> str:
    sign = "minus " if match[1] in ("-", "−") else ""
    return f" to the power of {sign}{match[2]}"


RULES = Rules(
    (r"(?<=[A-Za-z)]) ?\^ ?2(?!\d)", " squared"),
    (r"(?<=[A-Za-z)]) ?\^ ?3(?!\d)", " cubed"),
    (r"(?<=\d) ?\^ ?2(?!\d)", " squared"),
    (r"(?<=\d) ?\^ ?3(?!\d)", " cubed"),
    (r"(?<=[\w)]) ?\^ ?([-−+]?) ?(\d+|[a-z]\b)", _power),
    (r"(?<=\d)/(?=[a-z]+\b(?!-))", " per "),  # not in "1/f-4s"
    (r"(?<!\d)\s*/\s*|\s+/\s*|/(?=\s|$)", " slash "),
    (r"-->|->|=>", " to "),
    (r" ?<= ?", " is at most "),
    (r" ?>= ?", " is at least "),
    (r" ?!= ?", " is not equal to "),
    (r" ?==? ?", " equals "),
    (r"(?<=\S) ?< ?(?=\S)", " less than "),
    (r"(?<=\S) ?> ?(?=\S)", " greater than "),
    (r" ?& ?", " and "),
    (r" ?\+ ?", " plus "),
    (r"(?<![\d.]) ?% ?", " percent "),
    (r"@", " at "),
    (r"#", " hash "),
    (r"(?<=\d) ?\* ?(?=\d)", " times "),
    (r"(?<!\d)[$](?!\d|\.\d)", " dollar "),
    (r"₩(?!\d)", " won "),
    (r"€(?!\d|\.\d)", " euro "),
    (r"£(?!\d|\.\d)", " pound "),
    (r"°(?! ?[CF]\b)", " degrees "),
    (r"Ω", " ohms "),
    (r"μ", "micro"),
    (r"[|]", ", "),
    (r"[*_`~^<>\\{}]", " "),
    needs=r"[^A-Za-z0-9 ,.;:!?'\"()—–-]|->|--",
)
