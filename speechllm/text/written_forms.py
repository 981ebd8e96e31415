"""Rules for what a number grammar does not know or reads badly: addresses, abbreviations, acronyms, units, ranges.

`expand` runs before the grammar: words come out as words, and numbers as digits in a form that the grammar reads well.
`settle` runs after it and leaves only letters, apostrophes, hyphens and `,.;:!?—`.
Tables of words live in abbreviations.py. Text is ASCII plus `cleaning.SPOKEN_SYMBOLS`.
"""

import re
from collections.abc import Callable, Iterable

from speechllm.text import abbreviations as tables

Replacement = str | Callable[[re.Match[str]], str]
DIGITS = "zero one two three four five six seven eight nine".split()
NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
MONTHS = "January February March April May June July August September October November December".split()
MAGNITUDES = {
    "k": 10**3,
    "thousand": 10**3,
    "m": 10**6,
    "mn": 10**6,
    "b": 10**9,
    "bn": 10**9,
    "t": 10**12,
    "tn": 10**12,
}
ADDRESS_MARKS = {"@": "at", ".": "dot", "/": "slash", "?": "question mark", "=": "equals", "&": "and", "-": "dash"}
ADDRESS_MARKS |= {"_": "underscore", "#": "hash", "%": "percent", ":": "colon", "~": "tilde", "+": "plus"}
ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
VALID_ROMAN = r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
DOMAINS = "com|org|net|edu|gov|io|co|uk|de|fr|ai|dev|app|info|me|tv|eu|ca|au|us|ch"


def spell_digits(text: str) -> str:
    """'07' -> 'zero seven'."""
    return " ".join(DIGITS[int(char)] for char in text if char.isdigit())


def _address(match: re.Match[str]) -> str:
    """An e-mail address or URL as one reads it aloud: without the scheme, every mark named."""
    body = re.sub(r"^[a-z]+://", "", match[0], flags=re.IGNORECASE)
    trailing = re.search(r"[.,;:!?/)]*$", body)
    assert trailing is not None
    words = []
    for part in re.findall(r"[A-Za-z]+|\d+|[^A-Za-z\d]", body[: trailing.start()]):
        if part.isdigit():
            words.append(spell_digits(part))
        elif part.isalpha():
            # "www" and country codes are letters, "org" is a word
            words.append(" ".join(part.upper()) if part.lower() in ("www", "uk", "io", "tv", "ai", "eu") else part)
        else:
            words.append(ADDRESS_MARKS.get(part, ""))
    return f" {' '.join(filter(None, words))}{trailing[0].replace('/', '')} "


def _money(match: re.Match[str]) -> str:
    """$2.5k -> $2,500; the grammar knows millions and more, if they are spelled."""
    sign, number, magnitude = match[1], match[2].replace(",", ""), match[3].lower()
    if MAGNITUDES[magnitude] == 1000:
        return f"{sign}{round(float(number) * 1000):,}"
    return f"{sign}{number} {'million' if magnitude[0] == 'm' else 'billion' if magnitude[0] == 'b' else 'trillion'}"


def _roman(match: re.Match[str]) -> str:
    values = [ROMAN[char] for char in match["roman"]]
    total = sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
    ending = "th" if total % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(total % 10, "th")
    name = match.groupdict().get("monarch")
    return f"{name} the {total}{ending}" if name else f"{match['before'] or ''}{total}"


def _unit(match: re.Match[str]) -> str:
    singular, plural = tables.UNITS[match[2]]
    return f"{match[1]} {singular if match[1].replace(',', '') == '1' else plural}"


def _phone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    return ("plus " if match[0].startswith("+") else "") + ", ".join(spell_digits(group) for group in groups)


def _abbreviation(match: re.Match[str]) -> str:
    """An abbreviation's full stop may be the sentence's as well."""
    rest = match.string[match.end() :]
    ends = not rest.strip(" \"')") or (match[1] in tables.MAY_END and re.match(r" +[A-Z]", rest))
    return tables.ABBREVIATIONS[match[1]] + ("." if ends else "")


def _by_position(match: re.Match[str]) -> str:
    """'St. Louis' is a saint, 'Elm St.' a street; 'Dr.' and 'Ft.' likewise."""
    head, rest = match.string[: match.start()], match.string[match.end() :]
    title, place = tables.BY_POSITION[match[1]]
    after_name = re.search(r" [A-Z]\w* $|^\d+ $", head)  # not the sentence's first word, whose capital says nothing
    before_name = re.match(r" +[A-Z]", rest)
    ends = not rest.strip(" \"')") or (before_name and after_name)
    is_title = not after_name and (before_name or match[1] == "Dr." or not head)
    return title if is_title else f"{place}{'.' if ends else ''}"


def _dotted(match: re.Match[str]) -> str:
    """A version has points; an address has four parts, read digit by digit."""
    parts = match[0].split(".")
    return " dot ".join(spell_digits(part) for part in parts) if len(parts) == 4 else " point ".join(parts)


def _ampersand(match: re.Match[str]) -> str:
    """AT&T is spelled: A. T. and T."""
    return " and ".join(".".join(side) + "." if side == "AT" else side for side in match[0].split("&"))


def _alternatives(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


def _rules(*pairs: tuple[str, Replacement]) -> list[tuple[re.Pattern[str], Replacement]]:
    return [(re.compile(pattern), replacement) for pattern, replacement in pairs]


WORDS = _rules(
    (r"(?i)\b(?:https?|ftp)://\S+|\bwww\.\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _address),
    (rf"(?i)(?<![\w@.])(?:[a-z0-9-]+\.)+(?:{DOMAINS})\b(?:/\S*)?", _address),
    (r"(?<=[a-z])\.(?=[A-Z][a-z])", ". "),  # a missing space between sentences
    (r"(?<=[a-z0-9])\.(?=[a-z]{2,5}\b)", " dot "),  # a file name
    (r"</?[A-Za-z][^<>]*>", " "),  # markup
    (r"\bC\+\+", "C plus plus"),
    (r"\b([CF])#(?!\w)", r"\1 sharp"),
    (r"#(?=\d)", "number "),
    (r"#(?=[A-Za-z])", " hashtag "),
    (r"@(?=\w)", " at "),
    (r"\b[A-Z]{1,3}&[A-Z]{1,3}\b", _ampersand),
    (rf"(?<![\w.])({_alternatives(tables.BEFORE_NUMBER)}) ?(?=\d)", lambda m: tables.BEFORE_NUMBER[m[1]] + " "),
    (r"\b(Mr|Mrs|Ms|Dr|Prof)(?= [A-Z])", lambda m: tables.ABBREVIATIONS.get(f"{m[1]}.", "Doctor")),
    (r"(?<![\w.])(St\.|Dr\.|Ft\.)(?!\w)", _by_position),
    (rf"(?<!\w)(?<!\w\.)({_alternatives(tables.ABBREVIATIONS)})(?!\w)", _abbreviation),
    (r"\bw/o\b", "without"),
    (r"\bw/(?= ?\w)", "with "),
    (r"\band/or\b", "and or"),
    (rf"\b(?P<monarch>{_alternatives(tables.MONARCHS)}) (?P<roman>{VALID_ROMAN})\b(?!')", _roman),
    (rf"\b(?P<before>(?:{_alternatives(tables.NUMBERED)}) )(?P<roman>{VALID_ROMAN})\b(?!['.]\w)", _roman),
    (
        r"(?<![\w.'-])(?P<before>)(?P<roman>X{0,3}(?:V?I{2,3}|IX|VI)|X{1,3}(?:IV|VI{0,3}|V|I)|XX|XXX)(?![\w'-]|\.\w)",
        _roman,
    ),
    (rf"(?<![\w.'-])(?P<before>)(?P<roman>(?=[IVXLCDM]{{5}}){VALID_ROMAN})(?![\w'-])", _roman),
    (r"(?<![\w.-])A(?= [A-Z](?: |$))|(?<=^)[Aa](?=\W*$)", "A."),  # the letter, not the article
    (rf"\b({_alternatives(tables.LETTERED)}) A\b(?!\.)", r"\1 A."),
)
NUMBERS = _rules(
    (r"\b24/7\b", "twenty four seven"),
    (r"\b9/11\b(?!/)", "nine eleven"),
    (r"(?<![\w.,$-])911(?![\w,-]|\.\d)", "nine one one"),
    (r"(?<![\w.])\+?\d{1,3}[ .-]\(?\d{2,4}\)?[ .-]\d{3,4}[ .-]?\d{4}(?![\w-])", _phone),
    (r"(?<![\w.])(?:\(\d{3}\) ?|\d{3}[ .-])?\d{3}-\d{4}(?![\w-])", _phone),
    (r"(?<![\w.])\+\d{1,3}(?: \d{2,4}){2,5}(?![\w-])", _phone),
    (r"(?<![\w.])\d+(?:\.\d+){2,}(?![\w])", _dotted),
    (r"(\d+)' ?(\d+)(?:''| inches)", r"\1 feet \2 inches"),
    (r"(?i)(?<=\d) ?([ap])\.? ?m\b\.?", lambda m: f" {m[1].upper()}.M."),
    (r"(?<![\d/])(0?[1-9]|1[0-2])/(\d{4})\b", lambda m: f"{MONTHS[int(m[1]) - 1]} {m[2]}"),
    (r"(?<![\d/])(\d+)/\1(?![\d/])", r"\1 \1"),  # 50/50
    (r"(?<![\d:])(\d+):(\d)(?![\d:])", r"\1 to \2"),  # a ratio, where a time has two digits
    (r"(\d0)'s\b", r"\1s"),
    (r"(?<=\ds)-(?=[a-z])|(?<=\d(?:st|nd|rd|th))-(?=[a-z])|(?<=[A-Za-z])-(?=\d)", " "),
    (rf"(?<![\w-])({NUMBER}) ?([$€£])(?!\d)", r"\2\1"),
    (rf"(?<!\w)-([$€£])({NUMBER})|([$€£])-({NUMBER})", lambda m: f"minus {m[1] or m[3]}{m[2] or m[4]}"),
    (rf"([$€£])({NUMBER}) ?[-–] ?\1?({NUMBER})", r"\1\2 to \1\3"),
    (rf"([$€£])({NUMBER}) ?((?i:k|m|mn|b|bn|t|tn|thousand))\b", _money),
    (rf"([₹₩₽₺₫₪₴₿₦₱])({NUMBER})", lambda m: f"{m[2]} {tables.CURRENCIES[m[1]]}"),
    (rf"({NUMBER}) ?([₹₩₽₺₫₪₴₿₦₱¢])", lambda m: f"{m[1]} {tables.CURRENCIES[m[2]]}"),
    (rf"(?<![\w.])({NUMBER}) ?({_alternatives(tables.UNITS)})(?![\w'/])(?:\.(?! [A-Z]|$))?", _unit),
    (r"(?<![\w.-])(\d{1,4}) ?[-–] ?(\d{1,4}%?)(?![\w.-]*\d)(?!-?\w)", r"\1 to \2"),
    (r"\bCO2\b", "C O 2"),
    (r"(?<=\b[A-F])-(?![\w-])", " minus"),  # a grade
    (r"(?<=\d) ?x ?(?=\d)", " by "),
    (r"(?<=\d)x\b", " times"),
    (r"~ ?(?=[\d$€£])", "about "),
    (r"(?<=[\w)]) ?\^ ?2\b", " squared"),
    (r"(?<=[\w)]) ?\^ ?3\b", " cubed"),
    (r"(?<=[\w)]) ?\^ ?(?=[\w-])", " to the power of "),
    (r"(?<=\d)e\+?(?=-?\d)", " times 10 to the power of "),
    (
        r"(?<![\w.,$€£/:-])(\d{5,9})(?![\w,/:-]|\.\d\d\d)",
        lambda m: m[0] if len(m[0]) == 5 and m[0][-1] != "0" else f"{int(m[0]):,}",
    ),
)
SYMBOLS = _rules(
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
    (r"(?<=\d) \* (?=\d)", " times "),
    (r"(?<!\d)[$](?!\d)", " dollar "),
    (r"€(?!\d)", " euro "),
    (r"£(?!\d)", " pound "),
    (r"°(?! ?[CF]\b)", " degrees "),
    (r"μ", "micro"),
    (r"[|]", ", "),
    (r"[*_`~^<>\\{}]", " "),
)


def expand(text: str) -> str:
    """Written words, abbreviations and odd numbers -> words, and numbers the grammar reads well."""
    rules = [*WORDS, *NUMBERS, *SYMBOLS] if re.search(r"[^A-Za-z ,.;:!?'\"()—-]", text) else WORDS
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


SHOUTED_WORD = re.compile(r"(?<![\w.])[A-Z]{2,}(?:'[A-Z]+)?(?![\w.]\w|\w)")


def quiet(text: str) -> str:
    """A sentence in capitals -> ordinary words; acronyms keep their capitals, which is how a phonemiser knows them."""
    words = SHOUTED_WORD.findall(text)
    if re.search(r"[a-z]", text) or not words or (len(words) == 1 and len(words[0]) < 5):
        return text

    def lowered(match: re.Match[str]) -> str:
        word = match[0].split("'")[0]
        if len(word) > 1 and re.fullmatch(VALID_ROMAN, word) and word not in tables.SHORT_WORDS:
            return match[0]
        spelled = word in tables.ACRONYMS or not re.search(r"[AEIOUY]", word)
        if word not in tables.SHORT_WORDS and (spelled or (len(word) <= 3 and "'" not in match[0])):
            return match[0]
        return match[0].lower()

    text = re.sub(r"(?<= )A(?= [A-Z]{2})", "a", text)
    return re.sub(r"[A-Za-z]", lambda m: m[0].upper(), SHOUTED_WORD.sub(lowered, text), count=1)


QUOTED = re.compile(r"(?<![\w.])'(?=\w)((?:[^']|(?<=\w)'(?=\w))*)(?<=[\w,.!?])'(?!\w)")
SETTLED = _rules(
    (r"\d", lambda m: f" {DIGITS[int(m[0])]} "),  # what the grammar left
    (r"\b([AP])M\b\.?", r"\1.M."),  # never the verb
    (r"[\"°€£¥₹₩₽₺₫₪₴₿₦₱¢$%#@&+=/\\^*<>|~_`{}]", " "),
    (r"\s*–\s*", " — "),
    (r"(?<!\w)'(?!\w)|''+", " "),
    (r"(?<!\w)'(?=\w)(?!(?:em|cause|til|bout)\b)", ""),
    (r"(?<!\w)-+(?!\w)|--+|(?<=\w)- -(?=\w)", "—"),
    (r"(?<!\w)-(?=\w)|(?<=\w)-(?!\w)", " "),
    (r"\)(?=\W*$)", ""),
    (r"[()]", ","),  # a bracket is heard as the pause of a comma
    (r"\.{2,}(?=\s*(?:$|(?!I\b)[A-Z]))", "."),
    (r"\.{2,}", ", "),
    (r"\s+(?=[,.;:!?])|\s*(?=—)|(?<=—)\s*", ""),
    (r"(?<=\w)[,.;:!?—](?:[,.;:!?—\s]*[,.;:!?—])?(?=\s|$|\w)", lambda m: _strongest(m)),
    (r"(?<=[A-Za-z]{2})\.(?=[A-Za-z])|\.(?=[A-Za-z]{2})", ". "),
    (r"([,;:!?])(?=[A-Za-z])", r"\1 "),
    (r"(?<=—)\s+", ""),
    (r"^[\s,.;:!?—]+", ""),
)


def _strongest(match: re.Match[str]) -> str:
    """One pause for several marks: '?!' -> '?', ',.' -> '.'; the last stop of "D.C." is no pause."""
    marks = match[0]
    acronym = marks[0] == "." and re.search(r"\.[A-Za-z]$", match.string[: match.start()][-2:])
    if acronym:
        marks = marks[1:]
    pause = next((mark for mark in "?!.;:—," if mark in marks), "")
    return ("." + pause.replace(".", "")) if acronym else pause


def unquote(text: str) -> str:
    """Drop quotation marks, which nobody hears; an inch and an apostrophe are none."""
    if text.count('"') % 2:
        text = re.sub(r"(?<=\d)\"", " inches", text)
    text = re.sub(r"(?<!\w)'n'(?!\w)", "and", text.replace('"', ""))
    return QUOTED.sub(r"\1", text) if "'" in text else text


def settle(text: str) -> str:
    """Only letters, apostrophes, hyphens and `,.;:!?—` remain, each pause written once."""
    for pattern, replacement in SETTLED:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())
