"""Addresses of mail and the web, names of files, hashtags, names of programming languages.

NeMo says the scheme of an address and reads letter by letter what it does not know ("dot example dot C O M").
"""

import re

from speechllm.text.rules.digits import spell_digits
from speechllm.text.rules.rule import Rules

MARKS = {"@": "at", ".": "dot", "/": "slash", "?": "question mark", "=": "equals", "&": "ampersand", "-": "dash"}
MARKS |= {"_": "underscore", "#": "hash", "%": "percent", ":": "colon", "~": "tilde", "+": "plus"}
DOMAINS = "com|org|net|edu|gov|io|co|uk|de|fr|ai|dev|app|info|me|tv|eu|ca|au|us|ch"
SPELLED = frozenset("www uk io tv ai eu http https ftp html css pdf xml sql php url api".split())
TAGS = "a|b|br|code|div|em|font|h[1-6]|hr|i|img|li|ol|p|pre|s|small|span|strong|sub|sup|t[dhr]|table|u|ul"
FILES = "py|js|ts|json|txt|pdf|html?|css|csv|tsv|docx?|xlsx?|pptx?|png|jpe?g|gif|svg|mp[34]|wav|zip|gz|exe|md|ya?ml|xml"
EXTENSIONS = {"jpg": "jpeg", "py": "py", "js": "JS", "ts": "TS", "md": "MD", "exe": "EXE", "gz": "GZ", "txt": "TXT"}


def _address(match: re.Match[str]) -> str:
    """As one reads it aloud: without the scheme of the web, every mark named."""
    body = re.sub(r"^(?:(?:https?|ftp)://|mailto:)", "", match[0], flags=re.IGNORECASE)
    trailing = re.search(r"[.,;:!?/)'\"]*$", body)
    assert trailing is not None
    return f" {_parts(body[: trailing.start()])}{trailing[0].replace('/', '')} "


def _parts(body: str) -> str:
    words = []
    for part in re.findall(r"[A-Za-z]+|\d+|[^A-Za-z\d]", body):
        if part.isdigit():
            words.append(spell_digits(part))
        elif part.isalpha():
            words.append(" ".join(part.upper()) if part.lower() in SPELLED else EXTENSIONS.get(part, part))
        else:
            words.append(MARKS.get(part, ""))
    return " ".join(filter(None, words))


def _file(match: re.Match[str]) -> str:
    return f"{match[1]} dot {_parts(match[2])}"


RULES = Rules(
    (r"(?i)\b(?:https?|ftp|file)://\S+|\bwww\.\S+|(?:\bmailto:)?\w[\w.&+-]*@[\w-]+(?:\.[\w-]+)+(?:/\S*)?", _address),
    (rf"(?i)(?<![\w@.])(?:[a-z0-9_-]+\.)+(?:{DOMAINS})\b(?!\.\w)(?:/\S*)?", _address),
    (r"(?<=[a-z])\.(?=[A-Z][a-z])", ". "),  # a missing space between sentences
    (rf"(?i)([a-z0-9])\.({FILES})\b", _file),
    (r"(?<=[a-z0-9])(?<![ap]\.m)\.(?=[a-z]{2,5}\b)", " dot "),
    (rf"(?i)</?(?:{TAGS})(?:\s[^<>]*)?/?>", " "),  # what is left of markup
    (r"</?([A-Za-z][^<>]*)>", r" \1 "),  # <name>: brackets are silent
    (r"\bC\+\+", "C plus plus"),
    (r"\b([CF])#(?!\w)", r"\1 sharp"),
    (r"(?<![\w#])#(?=\d)", "number "),
    (r"(?<![\w#])#(?=[A-Za-z])(?!\w*#)", " hashtag "),
    (r"@(?=\w)", " at "),
    needs=r"[@#<>+]|[/.]\w|www",
)
