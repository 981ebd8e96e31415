"""Unicode -> the ASCII an English voice can read; what it cannot read is an error, never a gap.

Look-alikes (smart quotes, dashes, full-width forms, accents, ligatures) become their plain form, emoji and invisible
characters go, and a letter of another script raises `ValueError` that names it.
"""

import re
import unicodedata

from speechllm.text.foreign import foreign_words

PLAIN_FORMS = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′ʼʻ`´", "'"),
        **dict.fromkeys("“”„‟″«»‹›〝〞", '"'),
        **dict.fromkeys("‐‑−﹣", "-"),
        **dict.fromkeys("‒–", "–"),  # a range between digits, a pause between words; decided with the numbers
        **dict.fromkeys("—―⸺⸻", "—"),
        **dict.fromkeys("[{⟨【「", "("),
        **dict.fromkeys("]}⟩】」", ")"),
        **dict.fromkeys("•‣·▪●", ", "),
        **dict.fromkeys("™®℠†‡¶", ""),
        "©": " copyright ",
        "§": " section ",
        "№": "No. ",
        "…": "...",
        "¿": "",
        "¡": "",
        "℃": "°C",
        "℉": "°F",
        "º": "°",
        "µ": "μ",
        "×": " x ",
        "÷": " divided by ",
        "±": " plus or minus ",
        **dict.fromkeys("→⇒⟶", " to "),
        **dict.fromkeys("←↑↓↔⇐⇔", " "),
        "≈": " about ",
        **dict.fromkeys("≤≦", " less than or equal to "),
        **dict.fromkeys("≥≧", " greater than or equal to "),
        "≠": " not equal to ",
        "⋈": " natural join ",
        "√": " square root of ",
        "∕": " divided by ",
        **dict.fromkeys("∗∙⋅", " times "),
        "Ω": "Ω",  # the ohm sign is the letter
        "⁄": "/",
    }
)
# Letters that Unicode does not decompose.
LETTERS = {"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d"}
LETTERS |= {"Đ": "D", "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th", "ı": "i", "ŋ": "ng", "ə": "a", "ħ": "h", "Ħ": "H"}
SUPERSCRIPT = re.compile(r"(?<=[\w)])[⁺⁻⁰¹²³⁴-⁹]+")
SUPERSCRIPTS = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
WORD = re.compile(r"[^\W\d_]+|[^\x00-\x7f]")
MIXED_FRACTION = re.compile(r"(\d?)([¼-¾⅐-⅞↉])")
LONE_GREEK = re.compile(r"(?<![^\W\d_])[\u0391-\u03c9](?![^\W\d_])")
SPOKEN_SYMBOLS = frozenset("★°€£¥₹₩₽₺₫₪₴₿₦₱¢–—μΩ")  # kept for the rules on numbers


def clean(text: str) -> str:
    """Printable ASCII, SPOKEN_SYMBOLS, foreign words that the phonemiser knows by their accents, and single spaces.

    Raises:
        ValueError: a letter or digit of a script the voice cannot speak.
    """
    text = text.translate(PLAIN_FORMS) if text.isascii() else _plain(text)
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())


def _plain(text: str) -> str:
    text = SUPERSCRIPT.sub(lambda m: "^" + m[0].translate(SUPERSCRIPTS), unicodedata.normalize("NFC", text))
    text = MIXED_FRACTION.sub(lambda m: f"{m[1]} {unicodedata.normalize('NFKC', m[2])} ", text)  # 3½ is not 31/2
    text = unicodedata.normalize("NFKC", text.translate(PLAIN_FORMS)).translate(PLAIN_FORMS)
    return WORD.sub(_word, LONE_GREEK.sub(_greek_name, text))


def _word(match: re.Match[str]) -> str:
    """A word as the phonemiser knows it, else without its accents, which decomposed are marks of their own."""
    word = match[0]
    if word.isascii() or word.lower() in foreign_words():
        return word
    return "".join(_spoken(char) for char in unicodedata.normalize("NFD", word))


def _greek_name(match: re.Match[str]) -> str:
    """π -> pi; a single letter is a symbol that English has a word for, several are Greek text."""
    unit_follows = match[0] == "μ" and re.match(r"[A-Za-z]", match.string[match.end() :])
    ohms = match[0] == "Ω" and re.search(r"\d ?$", match.string[: match.start()])
    name = unicodedata.name(match[0], "").split()
    return match[0] if unit_follows or ohms or not name else f" {name[-1].lower()} "


def _spoken(char: str) -> str:
    if char.isascii() or char in SPOKEN_SYMBOLS:
        return char
    if char in LETTERS:
        return LETTERS[char]
    category = unicodedata.category(char)
    if category[0] in "LN":
        name = unicodedata.name(char, f"U+{ord(char):04X}")
        raise ValueError(
            f"got {char!r} ({name.title()}), this voice speaks English, so it expects Latin letters; "
            f"write the {name.split()[0].title()} part in English or remove it"
        )
    if category == "Sm":
        return f" {unicodedata.name(char).lower().replace('-', ' ')} "
    return (
        " " if category[0] in "ZP" or category == "So" else ""
    )  # emoji part words; marks and format characters do not
