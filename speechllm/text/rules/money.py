"""Sums of money that NeMo does not read: magnitudes as letters, a currency behind the number, codes, ranges."""

import re

from speechllm.text.rules.digits import NUMBER, grouped, thousandfold
from speechllm.text.rules.nouns import DETERMINER, NOUN
from speechllm.text.rules.rule import Rules

CURRENCIES = {
    "₹": "rupees", "₩": "won", "₽": "rubles", "₺": "lira", "₫": "dong", "₪": "shekels", "₴": "hryvnia",
    "₿": "bitcoin", "₦": "naira", "₱": "pesos", "¢": "cents",
}  # fmt: skip
CODES = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
WORDS = {
    "CHF": "Swiss francs", "AUD": "Australian dollars", "CAD": "Canadian dollars", "INR": "rupees", "CNY": "yuan",
    "NZD": "New Zealand dollars", "SEK": "Swedish kronor", "NOK": "Norwegian kroner", "DKK": "Danish kroner",
    "MXN": "Mexican pesos", "BRL": "reais", "RUB": "rubles", "KRW": "won", "A$": "Australian dollars",
    "C$": "Canadian dollars", "CA$": "Canadian dollars", "AU$": "Australian dollars", "NZ$": "New Zealand dollars",
    "HK$": "Hong Kong dollars", "S$": "Singapore dollars", "R$": "reais", "Rs": "rupees", "Rs.": "rupees",
}  # fmt: skip
NAMES = {"$": "dollar", "€": "euro", "£": "pound"}
SCALES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion", "t": "trillion"}
SCALES |= {"tn": "trillion", "mm": "million"}
SCALE = r"(?i:thousand|million|billion|trillion|mn|mm|bn|tn|[kmbt])"
SIGN, SUM = "[$€£]", rf"{NUMBER}(?: ?{SCALE}\b)?"


def _magnitude(match: re.Match[str]) -> str:
    """$2.5k -> $2,500; NeMo knows millions and more, if they are spelled."""
    sign, number, magnitude = match[1], match[2].replace(",", ""), match[3].lower()
    if SCALES.get(magnitude, magnitude) == "thousand":
        return f"{sign}{thousandfold(number)}"
    return f"{sign}{number} {SCALES.get(magnitude, magnitude)}"


def _range(match: re.Match[str]) -> str:
    """$5-10 million -> five to ten million dollars: the scale behind is of both ends."""
    sign, first, last = match["sign"], match["first"], match["last"]
    scale = re.search(rf"{SCALE}$", last)
    if scale and not re.search(rf"{SCALE}$", first):
        word = SCALES.get(scale[0].lower(), scale[0].lower())
        return f"{first} to {last[: scale.start()].strip()} {word} {NAMES[sign]}s"
    return f"{sign}{first} to {sign}{last}"


def _coded(match: re.Match[str]) -> str:
    number = match["a"] or match["b"]
    code = match["before"] or match["after"]
    return f"{CODES[code]}{number}" if code in CODES else f"{number} {WORDS[code]}"


CODE = "|".join(re.escape(code) for code in sorted([*CODES, *WORDS], key=len, reverse=True))
RULES = Rules(
    (r"\b(\d{1,2}(?:,\d{2})+),(\d{3})\b", lambda m: grouped(m[0].replace(",", ""))),  # lakhs
    (
        rf"({SIGN}) ?(\d+),(\d\d)(?![\d,])|(?<![\w,.])(\d+),(\d\d) ?(€)",
        lambda m: f"{m[1] or m[6]}{m[2] or m[4]}.{m[3] or m[5]}",
    ),
    (r"-an?-(?=year|day|month|week|night|piece|person|plate|head|pop)", " a "),
    (
        rf"(?<![\w$])(?P<before>{CODE}) ?(?P<a>{SUM})"
        rf"|(?<![\w$€£])(?P<b>{SUM}) ?(?P<after>USD|EUR|GBP|JPY|CHF|AUD|CAD|INR|CNY)\b",
        _coded,
    ),
    (rf"(?<![\w-])({NUMBER}) ?([$€£])(?!\d)", r"\2\1"),
    (rf"(?<!\w)[-−]({SIGN})({NUMBER})|({SIGN})-({NUMBER})", lambda m: f"minus {m[1] or m[3]}{m[2] or m[4]}"),
    (rf"(?P<sign>{SIGN})(?P<first>{SUM}) ?[-–] ?(?P=sign)?(?P<last>{SUM})", _range),
    (rf"({SIGN})({NUMBER}) ?({SCALE})\b(?:-(?=[a-z]))?", lambda m: _magnitude(m) + (" " if m[0].endswith("-") else "")),
    (rf"([₹₩₽₺₫₪₴₿₦₱])({SUM})", lambda m: f"{m[2]} {CURRENCIES[m[1]]}"),
    (r"(?<![\d.,])1 ?¢", "1 cent"),
    (rf"({NUMBER}) ?([₹₩₽₺₫₪₴₿₦₱¢])", lambda m: f"{m[1]} {CURRENCIES[m[2]]}"),
    (rf"({SIGN})({NUMBER})\+", r"\1\2 plus"),
    (
        rf"(?<=\b)({DETERMINER} )({SIGN})(\d[\d,]*(?:(?:\.\d+)? (?:million|billion|trillion))?){NOUN}",
        lambda m: f"{m[1]}{m[3]} {NAMES[m[2]]}",
    ),
    needs=r"[$€£¥₹₩₽₺₫₪₴₿₦₱¢]|[A-Z]{3}|Rs|\d,\d\d,|-an?-",
)
