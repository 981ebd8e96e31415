"""What a text sounds like, in plain words: the one normaliser through which references and transcripts pass."""

import re
import unicodedata

ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
ONES += "seventeen eighteen nineteen".split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
ORDINALS |= {"twelve": "twelfth"}
SPELLINGS = {"ok": "okay", "mr": "mister", "mrs": "missus", "dr": "doctor", "vs": "versus"}
CURRENCIES = {"$": ("dollars", "cents"), "£": ("pounds", "pence"), "€": ("euros", "cents")}

INTEGER = r"\d{1,3}(?:,\d{3})+(?!\d)|\d+"
MONEY = re.compile(rf"([$£€])({INTEGER})(?:\.(\d\d)(?!\d)|(\.\d+))?( (?:thousand|million|billion|trillion)\b)?")
TIME = re.compile(r"\b(\d{1,2}):(\d\d)\b")
NUMBER = re.compile(rf"({INTEGER})(\.\d+)?(st\b|nd\b|rd\b|th\b|s\b)?")
NUMBER_AND = re.compile(rf"\b(hundred|thousand|million|billion) and (?=(?:{'|'.join([*ONES, *TENS[2:]])})\b)")


def normalize_transcript(text: str) -> str:
    """Reduce a text to what can be heard; reference and hypothesis both pass through this one function.

    In this order: lower case, accents removed; money, times, numbers, years, ordinals and decades in figures spelled
    out ("1969" is a year, "1,969" is not); % and & as words; "and" inside a number dropped; full stops inside
    initialisms ("u.s.") and apostrophes removed; all other punctuation, hyphens included, becomes a space; ok, mr, mrs,
    dr and vs written in full; spaces collapsed. British and American spellings and compounds written apart
    ("drug store") are not unified: they count as errors, equally for every system.

    Returns:
        Words of a-z (figures never survive) separated by single spaces; empty if nothing can be heard.
    """
    text = unicodedata.normalize("NFKD", text).lower().replace("’", "'")
    text = "".join(char for char in text if not unicodedata.combining(char))
    text = NUMBER.sub(_number, TIME.sub(_time, MONEY.sub(_money, text)))
    text = text.replace("%", " percent ").replace("&", " and ")
    text = re.sub(r"\b(?:[a-z]\.){2,}", lambda match: match[0].replace(".", ""), text)
    text = re.sub(r"[^a-z]+", " ", text.replace("'", "")).strip()
    text = NUMBER_AND.sub(r"\1 ", text)
    return " ".join(SPELLINGS.get(word, word) for word in text.split())


def spell_number(number: int) -> str:
    """12 -> "twelve", 1205 -> "one thousand two hundred five"; from 10^15 on digit by digit."""
    if number < 20:
        return ONES[number]
    if number < 100:
        return f"{TENS[number // 10]} {ONES[number % 10] if number % 10 else ''}".strip()
    if number >= 10**15:
        return _digits(str(number))
    size, name = next(scale for scale in SCALES if number >= scale[0])
    rest = f" {spell_number(number % size)}" if number % size else ""
    return f"{spell_number(number // size)} {name}{rest}"


def _digits(figures: str) -> str:
    return " ".join(ONES[int(figure)] for figure in figures)


def _pair(figures: str) -> str:
    """The last two figures of a year, or the minutes of a time: "05" is "oh five"."""
    return f"oh {ONES[int(figures)]}" if figures[0] == "0" else spell_number(int(figures))


def _money(match: re.Match[str]) -> str:
    whole, cents, fraction, scale = match[2], match[3], match[4] or "", match[5] or ""
    major, minor = CURRENCIES[match[1]]
    if scale and cents:
        fraction, cents = f".{cents}", None
    return f"{whole}{fraction}{scale} {major} " + (f"and {int(cents)} {minor} " if cents and int(cents) else "")


def _time(match: re.Match[str]) -> str:
    return f" {match[1]} {'' if match[2] == '00' else _pair(match[2])} "


def _number(match: re.Match[str]) -> str:
    figures, fraction, ending = match[1], match[2], match[3]
    number = int(figures.replace(",", ""))
    if len(figures) > 1 and figures[0] == "0":
        words = _digits(figures)
    elif len(figures) == 4 and not fraction and (1100 <= number < 2000 or 2010 <= number < 2100):
        words = f"{spell_number(number // 100)} {'hundred' if number % 100 == 0 else _pair(figures[2:])}"
    else:
        words = spell_number(number)
    if fraction:
        words += f" point {_digits(fraction[1:])}"
    head, _, last = words.rpartition(" ")
    if ending == "s":
        last = f"{last[:-1]}ies" if last.endswith("y") else f"{last}s"
    elif ending:
        last = ORDINALS.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last.removesuffix('t')}th")
    return f" {head} {last} "
