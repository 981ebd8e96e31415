"""Signs that are said as words, and those that are not said."""

from speechllm.text.rules.rule import rules

RULES = rules(
    (r"(?<=[A-Za-z]) ?/ ?(?=[A-Za-z])(?<=\b[a-z]/)", " per "),
    (r"\d+/(?=[a-z])", lambda m: m[0][:-1] + " per "),
    (r"\s*/\s*(?![\d])|(?<!\d)/", " slash "),
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
    (r"€(?!\d|\.\d)", " euro "),
    (r"£(?!\d|\.\d)", " pound "),
    (r"°(?! ?[CF]\b)", " degrees "),
    (r"Ω", " ohms "),
    (r"μ", "micro"),
    (r"[|]", ", "),
    (r"[*_`~^<>\\{}]", " "),
)
