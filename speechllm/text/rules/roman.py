"""Roman numerals, which NeMo reads as letters or drops: only a whole, valid numeral where its neighbours ask for one.

Initials ("George C. Marshall"), the pronoun ("the article I wrote") and names ("Malcolm X") are none.
"""

import re

from speechllm.text.rules.rule import Rules, alternatives

VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
VALID = r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
SMALL = r"(?=[IVX])X{0,3}(?:IX|IV|V?I{0,3})"  # 1 to 39: no king had a higher number
SEVERAL = r"(?=[IVX]{2})X{0,3}(?:IX|IV|V?I{0,3})"
# fmt: off
NUMBERED = (
    "Chapter Chapters Part Parts Act Scene Section Sections Volume Volumes Book Books Phase Article Type Mark Level "
    "Stage Class Grade Episode Round Apollo Gemini Rocky War Bowl Title Appendix Fantasy Canto Psalm Vatican Saturn "
    "Polaris Trident Halley Unit Lesson Module Table Figure Plate Schedule Annex Amendment Division Group Category "
    "Tier Sonata Symphony Quest Souls Kombat Tomb Wars Godfather Rambo Creed Saw Terminator Sputnik Soyuz iPhone OS "
    "Expo"
).split()
NUMBERED_SMALL = (
    "chapter chapters part parts act scene section sections volume volumes book books phase article type level stage "
    "class grade episode round title appendix canto unit lesson module table figure plate schedule annex division "
    "group category tier mark"
).split()
RULERS = (
    "Henry Louis Edward George William Charles James Richard Elizabeth Napoleon Pius Benedict Leo Paul Ramses "
    "Ramesses Frederick Philip Alexander Nicholas Catherine Ivan Ferdinand Gustav John Francis Mary Clement Gregory "
    "Innocent Urban Boniface Sixtus Adrian Celestine Eugene Martin Callixtus Julius Stephen Sylvester Victor Honorius "
    "Peter Leopold Rudolf Maximilian Otto Christian Haakon Olav Harald Erik Eric Carl Karl Baldwin Robert David "
    "Malcolm Kenneth Constantine Justinian Theodosius Ptolemy Cleopatra Thutmose Amenhotep Seti Darius Xerxes "
    "Artaxerxes Antiochus Mithridates Mehmed Selim Murad Suleiman Bayezid Afonso Pedro Alfonso Sancho Joseph Umberto "
    "Emmanuel Wilhelm Ludwig Albert Margaret Margrethe Isabella Carlos Felipe Baudouin Casimir Sigismund Stephen "
    "Andrew Ladislaus Rama Menelik Valentinian Tiberius Michael Basil Manuel Andronikos Conrad Lothair Philippe "
    "Charlemagne Akbar Shah Hamid Faisal Hussein Abdullah Farouk Fuad Zog Boris Carol Simeon"
).split()
# fmt: on
# What follows the pronoun; after "chapter I", "Mary I" and the like it tells the two apart.
PRONOUN_VERBS = (
    "am have had do did will would could should can may might must wrote write read like liked love loved want wanted "
    "need needed think thought saw see made make mentioned told gave know knew found bought got get use used never "
    "always just was went said say believe felt remember hate prefer sent met heard"
)
PRONOUN = rf"(?! (?:{PRONOUN_VERBS.replace(' ', '|')})\b|'(?!s\b))"
NO_VERB = PRONOUN.replace("|was|", "|")  # "King Charles I was"
AFTER_QUEEN = (
    r"(?= (?:of|was|is|had|has|and|died|reigned|ruled|who|became|succeeded|in|to|by|or|style)\b|'s|[,;:)]|\W*$)"
)
# "the part I like": a small word before I wants an end, or a word that only a numeral stands before.
AFTER_SMALL = r"(?=\W*$|[,;:)]| (?:of|and|or|to|through|diabetes|error|errors|trial|trials|clinical|study|studies)\b)"


def value(numeral: str) -> int:
    """14 of 'XIV'."""
    values = [VALUES[char] for char in numeral.upper()]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))


def ordinal(number: int) -> str:
    """'14th'."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _ruler(match: re.Match[str]) -> str:
    return f"{match['name']} the {ordinal(value(match['roman']))}"


def _cardinal(match: re.Match[str]) -> str:
    return f"{match['before']}{value(match['roman'])}"


def _ordinal(match: re.Match[str]) -> str:
    return ordinal(value(match["roman"]))


def _range(match: re.Match[str]) -> str:
    return f"{match['before']}{value(match['roman'])} to {value(match['last'])}"


END = r"(?![\w&-])(?!'(?!s\b))(?!\.\w)"
NO_INITIAL = r"(?!\. [A-Z])"  # "George V. Higgins"
BEFORE = rf"(?P<before>\b(?:{alternatives(NUMBERED)}) )"
BEFORE_SMALL = rf"(?P<before>\b(?:{alternatives(NUMBERED_SMALL)}) )"
BEFORE_ANY = rf"(?P<before>\b(?:{alternatives([*NUMBERED, *NUMBERED_SMALL])}) )"
RULER = rf"\b(?P<name>{alternatives(RULERS)}) "
ROYAL = r"\b(?P<name>(?:King|Queen|Pope|Emperor|Empress|Tsar|Czar|Sultan|Kaiser|Prince|Shah|St\.|Saint) [A-Z][a-z]+) "
ALONE = r"(?<![\w.'&-])(?P<before>)"
RULES = Rules(
    (rf"{BEFORE_ANY}(?P<roman>{VALID}) ?[-–] ?(?P<last>{VALID})\b", _range),
    (rf"{ROYAL}(?P<roman>{SEVERAL}|[VX]|I(?!')){END}{NO_VERB}{NO_INITIAL}", _ruler),
    (rf"{RULER}(?P<roman>{SEVERAL}){END}", _ruler),
    (rf"(?!Malcolm X){RULER}(?P<roman>[VX]){END}{NO_INITIAL}", _ruler),
    (rf"{RULER}(?P<roman>I){END}{AFTER_QUEEN}", _ruler),
    (r"\bWW(?P<before>)(?P<roman>I{1,3})(?!\w)", lambda m: f"World War {value(m['roman'])}"),
    (r"\bWW(?=[123]\b)", "World War "),
    (rf"\b(?P<before>(?:World War|Super Bowl) )(?P<roman>{VALID}){END}", _cardinal),
    (rf"{BEFORE}(?P<roman>(?!I\b|[CDLM]\b){VALID}){END}{NO_INITIAL}", _cardinal),
    (rf"{BEFORE}(?P<roman>I|[XVLCDM](?=\W*$)){END}{PRONOUN}", _cardinal),
    (rf"{BEFORE_SMALL}(?P<roman>(?=[IVXLC]{{2}}){VALID}|[VX](?!\.?\w)){END}", _cardinal),
    (rf"{BEFORE_ANY}(?P<roman>(?=[ivx]{{2}})x{{0,3}}(?:ix|iv|v?i{{0,3}}))\b", _cardinal),
    (rf"(?<!the )(?<!The )(?<!a ){BEFORE_SMALL}(?P<roman>I){END}{AFTER_SMALL}", _cardinal),
    (
        rf"(?<![\w.'-])(?P<roman>{VALID})"
        r"(?= (?:century|centuries|[Dd]ynasty|Olympics|Olympic|Olympiad|Congress|Corps)\b)",
        _ordinal,
    ),
    (rf"(?P<name>\b(?:{alternatives(RULERS)}) [A-Z][a-z]+),? (?P<roman>II){END}(?= [a-z]|\W*$|'s|[,;:.])", _ruler),
    # "Thurston Howell III"
    (rf"(?P<name>\b[A-Z][a-z]+(?: [A-Z]\.)? [A-Z][a-z]+),? (?P<roman>III|IV){END}(?= [a-z]|\W*$|'s|[,;:.])", _ruler),
    (rf"{ALONE}(?P<roman>X{{0,3}}(?:V?I{{2,3}}|IX|VI)|X{{1,3}}(?:IV|VI{{0,3}}|V|I)|XX|XXX)(?![\w'&-]|\.\w)", _cardinal),
    # a year on a monument: MCMLXXXIV; with fewer letters it would be a word or an acronym
    (rf"{ALONE}(?P<roman>(?=[IVXLCDM]{{5}}|MM[XVI]|MC[MDLX]){VALID})(?![\w'&-])", _cardinal),
    needs=(
        r"[IVXLCDM]{2,}\b|WW\d|[A-Z][A-Za-z]+ [IVX]\b|\b[a-z]+ [ivxIVX]+\b(?<! I)"
        rf"|\b(?:{'|'.join(NUMBERED_SMALL)}) I\b"
    ),
)
