"""Unicode -> the ASCII an English voice can read; what it cannot read is an error, never a gap.

Look-alikes (smart quotes, dashes, full-width forms, accents, ligatures) become their plain form, emoji and invisible
characters go, and a letter of another script raises `ValueError` that names it.
"""

import re
import unicodedata

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
        "²": "^2",
        "³": "^3",
        "℃": "°C",
        "℉": "°F",
        "º": "°",
        "µ": "μ",
        "×": " x ",
        "÷": " divided by ",
        "±": " plus or minus ",
        "→": " to ",
        "≈": " about ",
        "≤": " at most ",
        "≥": " at least ",
        "≠": " is not equal to ",
        "⁄": "/",
        # letters that Unicode does not decompose
        **{"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d"},
        **{"Đ": "D", "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th", "ı": "i", "ŋ": "ng", "ə": "a", "ħ": "h", "Ħ": "H"},
    }
)
# Without its accent each of these is another word.
RESPELLED = {"résumé": "rezzoomay", "exposé": "expo-zay", "rosé": "ro-zay", "pâté": "pah-tay", "lamé": "lah-may"}
ACCENTED_WORD = re.compile(r"[a-z]*[éâ][a-zé]*", re.IGNORECASE)
MIXED_FRACTION = re.compile(r"(\d?)([¼-¾⅐-⅞↉])")
LONE_GREEK = re.compile(r"(?<![^\W\d_])[\u0391-\u03c9](?![^\W\d_])")
SPOKEN_SYMBOLS = frozenset("°€£¥₹₩₽₺₫₪₴₿₦₱¢–—μ")  # kept for the rules on numbers


def clean(text: str) -> str:
    """Printable ASCII, SPOKEN_SYMBOLS and single spaces.

    Raises:
        ValueError: a letter or digit of a script the voice cannot speak.
    """
    text = text.translate(PLAIN_FORMS) if text.isascii() else _plain(text)
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())


def _plain(text: str) -> str:
    text = ACCENTED_WORD.sub(lambda m: RESPELLED.get(m[0].lower(), m[0]), unicodedata.normalize("NFC", text))
    text = MIXED_FRACTION.sub(lambda m: f"{m[1]} {unicodedata.normalize('NFKC', m[2])} ", text)  # 3½ is not 31/2
    text = unicodedata.normalize("NFKC", text.translate(PLAIN_FORMS)).translate(PLAIN_FORMS)
    text = LONE_GREEK.sub(_greek_name, text)
    # Decomposed, an accent is a mark of its own after a letter that can be spoken.
    return "".join(_spoken(char) for char in unicodedata.normalize("NFD", text))


def _greek_name(match: re.Match[str]) -> str:
    """π -> pi; a single letter is a symbol that English has a word for, several are Greek text."""
    unit_follows = match[0] == "μ" and re.match(r"[A-Za-z]", match.string[match.end() :])
    return match[0] if unit_follows else f" {unicodedata.name(match[0]).split()[-1].lower()} "


def _spoken(char: str) -> str:
    if char.isascii() or char in SPOKEN_SYMBOLS:
        return char
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
