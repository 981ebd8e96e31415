"""Units: names of more of them than NeMo knows, one where a noun follows ("a 5-lb bag"), and "per"."""

import re

from speechllm.text.rules.digits import NUMBER
from speechllm.text.rules.nouns import DETERMINER, NOUN
from speechllm.text.rules.rule import alternatives, rules

PREFIXES = {"k": "kilo", "M": "mega", "G": "giga", "T": "tera", "m": "milli", "μ": "micro", "n": "nano", "p": "pico"}
# symbol: name, and the prefixes that people write before it
PREFIXED = {
    "m": ("meter", "kmμn"), "g": ("gram", "kmμn"), "L": ("liter", "mμ"), "l": ("liter", "mμ"), "s": ("second", "mμn"),
    "Hz": ("hertz", "kMGT"), "W": ("watt", "kMGTm"), "Wh": ("watt hour", "kMGT"), "V": ("volt", "kMmμ"),
    "A": ("amp", "kmμ"), "Ah": ("amp hour", "km"), "Ω": ("ohm", "kMm"), "F": ("farad", "mμnp"), "H": ("henry", "mμ"),
    "J": ("joule", "kMGm"), "N": ("newton", "kMm"), "Pa": ("pascal", "kMGm"), "B": ("byte", "kMGT"),
    "bps": ("bit per second", "kMGT"), "bit/s": ("bit per second", "kMGT"), "B/s": ("byte per second", "kMGT"),
    "cal": ("calorie", "k"), "eV": ("electron volt", "kMGTm"), "mol": ("mole", "mμn"), "Sv": ("sievert", "mμ"),
    "Bq": ("becquerel", "kMG"), "bar": ("bar", "m"), "rad": ("radian", "m"), "lx": ("lux", ""), "lm": ("lumen", ""),
    "dB": ("decibel", ""), "cd": ("candela", ""), "Gy": ("gray", "m"), "T": ("tesla", "mμ"), "pixel": ("pixel", "M"),
}  # fmt: skip
OTHERS = {  # symbol: singular, plural
    "cm": "centimeter", "dm": "decimeter", "cL": "centiliter", "cl": "centiliter", "dL": "deciliter", "dl": "deciliter",
    "hPa": "hectopascal", "ha": "hectare", "ac": "acre", "mi": "mile", "yd": "yard", "yds": "yard", "nmi": "nautical mile",
    "lb": "pound", "lbs": "pound", "oz": "ounce", "fl oz": "fluid ounce", "fl. oz.": "fluid ounce", "tsp": "teaspoon",
    "tsps": "teaspoon", "tbsp": "tablespoon", "tbsps": "tablespoon", "Tbsp": "tablespoon", "pt": "pint", "qt": "quart",
    "gal": "gallon", "gals": "gallon", "sec": "second", "secs": "second", "min": "minute", "mins": "minute",
    "hr": "hour", "hrs": "hour", "wk": "week", "wks": "week", "mo": "month", "mos": "month", "yr": "year",
    "yrs": "year", "mph": "mile per hour", "kph": "kilometer per hour", "km/h": "kilometer per hour",
    "kmh": "kilometer per hour", "rpm": "revolution per minute", "RPM": "revolution per minute",
    "bpm": "beat per minute", "BPM": "beat per minute", "fps": "frame per second", "dpi": "dot per inch",
    "ppi": "pixel per inch", "psi": "pound per square inch", "ppm": "part per million", "ppb": "part per billion",
    "mpg": "mile per gallon", "mmHg": "millimeter of mercury", "cc": "cubic centimeter", "KB": "kilobyte",
    "KiB": "kibibyte", "MiB": "mebibyte", "GiB": "gibibyte", "TiB": "tebibyte", "kb": "kilobit", "Mb": "megabit",
    "Gb": "gigabit", "kbit": "kilobit", "Mbit": "megabit", "Gbit": "gigabit", "mcg": "microgram", "kgs": "kilogram",
    "Nm": "newton meter", "N m": "newton meter", "atm": "atmosphere", "ohm": "ohm", "ohms": "ohm", "kohm": "kilo-ohm",
    "sq. km": "square kilometer", "sq. m": "square meter", "kn": "knot", "kt": "knot", "kts": "knot", "px": "pixel", "MP": "megapixel", "hp": "horsepower",
    "HP": "horsepower", "sq ft": "square foot", "sq. ft.": "square foot", "sq mi": "square mile",
    "sq. mi.": "square mile", "sq m": "square meter", "sq km": "square kilometer", "cu ft": "cubic foot",
    "cu. ft.": "cubic foot", "ft": "foot", "ft.": "foot", "in.": "inch", "in": "inch", "Mbps": "megabit per second",
    "ly": "light year", "pcs": "piece", "doz": "dozen", "ft-lb": "foot-pound", "ft-lbs": "foot-pound", "kOhm": "kilo-ohm",
    "KG": "kilogram", "KM": "kilometer", "KHz": "kilohertz", "Ohm": "ohm", "kcals": "kilocalorie", "mAh": "milliamp hour",
    "yo": "year old", "pct": "percent", "lux": "lux",
}  # fmt: skip
UNCHANGED = {"horsepower", "lux", "bar", "percent"}
IRREGULAR = {"foot": "feet", "inch": "inches", "henry": "henries", "year old": "years old"}
SQUARES = {"m", "km", "cm", "mm", "ft", "in", "mi", "yd"}
# What is counted by the hour, or the like, in words: "3 times/week", "60 beats/min".
PER = {
    "s": "second", "sec": "second", "min": "minute", "h": "hour", "hr": "hour", "d": "day", "wk": "week", "mo": "month",
    "yr": "year", "lb": "pound", "kg": "kilogram", "g": "gram", "L": "liter", "l": "liter", "mL": "milliliter",
    "ml": "milliliter", "dL": "deciliter", "gal": "gallon", "mi": "mile", "km": "kilometer", "m": "meter", "cm": "centimeter",
    "ft": "foot", "in": "inch", "oz": "ounce", "m2": "square meter", "m3": "cubic meter", "m^2": "square meter",
    "m^3": "cubic meter", "cm3": "cubic centimeter", "cm^3": "cubic centimeter", "sq ft": "square foot", "ha": "hectare",
    "acre": "acre", "s2": "second squared", "s^2": "second squared", "GB": "gigabyte", "MB": "megabyte", "mol": "mole",
    "in^2": "square inch", "ft^2": "square foot", "cm^2": "square centimeter", "in2": "square inch",
    "day": "day", "week": "week", "month": "month", "year": "year", "hour": "hour", "minute": "minute", "second": "second",
    "night": "night", "person": "person", "kWh": "kilowatt hour", "K": "kelvin", "Hz": "hertz", "unit": "unit",
}  # fmt: skip


def plural(name: str) -> str:
    """'feet' of 'foot', 'miles per hour' of 'mile per hour'."""
    head, space, rest = name.partition(" per ") if " per " in name else name.partition(" of ")
    if head.split()[-1] in UNCHANGED or head.endswith("hertz"):
        return name
    if head in IRREGULAR:
        return IRREGULAR[head] + space + rest
    first, _, last = head.rpartition(" ")
    return f"{first} {IRREGULAR.get(last, last + 's')}".lstrip() + space + rest


def _names() -> dict[str, str]:
    names = dict(OTHERS)
    for symbol, (name, prefixes) in PREFIXED.items():
        names[symbol] = name
        for prefix in prefixes:
            # "kilo-ohm" keeps both vowels apart
            names.setdefault(prefix + symbol, PREFIXES[prefix] + ("-" if name == "ohm" else "") + name)
    for symbol in SQUARES:
        for power, word in (("2", "square"), ("^2", "square"), ("3", "cubic"), ("^3", "cubic")):
            names[symbol + power] = f"{word} {names[symbol]}"
    return names


NAMES = _names()
# These are also letters, words or parts of names, so that they want a closer look.
LETTERS = {
    "A",
    "B",
    "F",
    "H",
    "T",
    "N",
    "W",
    "V",
    "J",
    "s",
    "in",
    "l",
    "kt",
    "min",
    "mo",
    "pt",
    "ac",
    "bar",
    "rad",
    "mi",
}
LETTERS |= {"MP", "HP", "yo", "ly", "cd", "kb", "Mb", "Gb", "px", "mos", "doz", "pixel"}
SURE = {name for name in NAMES if name not in LETTERS}
JOINED = {name for name in LETTERS if name not in ("A", "B", "F", "H", "T", "in", "N", "pt", "bar", "s")}
FRACTIONS = {"1/2": "half", "1/4": "quarter", "3/4": "three quarter", "1/3": "one third", "2/3": "two third"}
FRACTIONS |= {"1/8": "eighth", "3/8": "three eighth", "5/8": "five eighth", "7/8": "seven eighth", "1/16": "sixteenth"}
WORD_UNITS = (
    "inch foot mile pound ounce cup gallon liter litre hour acre pint quart yard carat day ton turn scale year point"
)


def _is_one(number: str) -> bool:
    return number.replace(",", "") in ("1", "1/2", "1/4", "1/3", "3/4", "2/3", "1/8")


def _unit(match: re.Match[str]) -> str:
    name = NAMES[match["unit"]]
    return f"{match['n']} {name if _is_one(match['n']) else plural(name)}"


def _range(match: re.Match[str]) -> str:
    first, last = (f"{int(n):,}" if n.isdigit() else n for n in (match["n"], match["last"]))
    return f"{first} to {last} {plural(NAMES[match['unit']])}"


def _before_noun(match: re.Match[str]) -> str:
    return f"{match['n']} {NAMES[match['unit']]}"


def _per(match: re.Match[str]) -> str:
    name = NAMES[match["unit"]]
    return f"{match['n']} {name if _is_one(match['n']) else plural(name)} per {PER[match['per']]}"


def _fraction(match: re.Match[str]) -> str:
    """3/4-inch -> three quarter inch; one half alone stays 'half'."""
    whole = f"{match['whole']} and {'a ' if match['f'] in ('1/2', '1/4') else ''}" if match["whole"] else ""
    unit = NAMES.get(match["unit"], match["unit"])
    return f"{whole}{FRACTIONS.get(match['f'], match['f'])} {unit}"


def _by_feet(match: re.Match[str]) -> str:
    sizes = re.findall(rf"{NUMBER}", match[0])
    inches = '"' in match[0] or "''" in match[0]
    one = re.match(NOUN, match.string[match.end() :])  # "a 12' x 10' room"
    name = ("inch" if one else "inches") if inches else ("foot" if one else "feet")
    return " by ".join(sizes) + f" {name}"


def _duration(match: re.Match[str]) -> str:
    """1h 30m -> 1 hour 30 minutes."""
    names = {"d": "day", "h": "hour", "m": "minute", "min": "minute", "s": "second"}
    parts = re.findall(r"(\d+) ?(d|h|min|m|s)", match[0])
    return " ".join(f"{n} {names[unit]}{'' if n == '1' else 's'}" for n, unit in parts)


def _angle(match: re.Match[str]) -> str:
    compass = {"N": "north", "S": "south", "E": "east", "W": "west", None: ""}
    names = ("degree", "minute", "second")
    parts = [f"{n} {name}{'' if n == '1' else 's'}" for n, name in zip(match.groups()[:3], names, strict=True) if n]
    return f"{' '.join(parts)} {compass[match[4]]}".rstrip()


N, QUANTITY = rf"(?P<n>{NUMBER})", rf"(?<![\w.,$€£/-])(?P<n>-?(?:\d+ )?\d+/\d+|{NUMBER})"
U, UJ = alternatives(SURE), alternatives([*SURE, *JOINED])
NOT_WORD = r"(?![\w'/^]|-\d)"
WITHOUT_NUMBER = rules(
    (r"[$](?=/[a-z])", "dollars "),
    (r"(?<!\w) ?/(day|week|month|year|hour|hr|min|mo|yr|sec|night|person)\b", lambda m: f" per {PER.get(m[1], m[1])}"),
)
RULES = rules(
    (rf"(?<![\w.])(\d{{1,3}}) ?° ?(\d{{1,2}}) ?['](?: ?({NUMBER}) ?(?:\"|''))? ?([NSEW])?(?!\w)", _angle),
    (
        r"(?<![\w.])(\d{1,3})(?:\.\d+)?()()° ?([NSEW])\b",
        lambda m: (
            m[0].replace(m[4], {"N": "north", "S": "south", "E": "east", "W": "west"}[m[4]]).replace("°", " degrees ")
        ),
    ),
    (
        r"(?<![\w.])\d+ ?d ?\d+ ?h(?: ?\d+ ?m(?:in)?)?\b|(?<![\w.])\d+ ?h(?:rs?)? ?\d+ ?m(?:in)?(?: ?\d+ ?s)?\b|(?<![\w.])\d+ ?m(?:in)? \d+ ?s\b|(?<![\w.])\d+m\d+s\b",
        _duration,
    ),
    (r"(?<![\w.])(\d+)h\b(?!')", lambda m: f"{m[1]} hour{'' if m[1] == '1' else 's'}"),
    (
        rf"(?<![\w.])({NUMBER})(?:'|\"|'') ?(?:[xX]|by) ?({NUMBER})(?:'|\"|'')(?: ?(?:[xX]|by) ?({NUMBER})(?:'|\"|''))?",
        _by_feet,
    ),
    (
        r"(?<!\w)(\d+)' ?(\d+(?: \d/\d)?)(?:''|\"| ?inches| ?in\b\.?)?(?=\W|$)(?!')",
        lambda m: f"{m[1]} {'foot' if m[1] == '1' else 'feet'} {m[2]} {'inch' if m[2] == '1' else 'inches'}",
    ),
    (rf"(?<!\w)(?<!['\"])({NUMBER})' ?(?=tall|long|wide|high|deep|ladder|ceiling|board|x\b)", r"\1 feet "),
    (
        rf"(?<![\w/])(?:(?P<whole>\d+)[ -])?(?P<f>\d{{1,2}}/\d{{1,2}})-(?P<unit>{U}|in|{WORD_UNITS.replace(' ', '|')})\b",
        _fraction,
    ),
    (rf"(?<![\w.,$€£/])(?P<n>\d+(?:\.\d+)?)-(?P<unit>{UJ}|in)\b(?!\.\w|/)\.?", _before_noun),
    (r"(?<![\w'\"])(\d{1,2})'(?=[,.;)]|$)", r"\1 feet"),
    (r"\b(10|7|4|14|21|3)(80|20|40|60)p\b", r"\1 \2 p"),  # lines of a screen
    (rf"\b({DETERMINER} \d[\d.,]*) ?°{NOUN}", r"\1 degree"),
    (rf"(?<![\w.,$€£/-]){N}(?P<unit>{UJ}){NOT_WORD}{NOUN}", _before_noun),
    (
        rf"\b{DETERMINER} {N} ?(?P<unit>{alternatives([*SURE, 'W', 'V', 'min', 'mi', 's', 'MP', 'J', 'N'])}){NOT_WORD}\.?{NOUN}",
        lambda m: f"{m[0][: m.start('n') - m.start()]}{_before_noun(m)}",
    ),
    (rf"(?<![\w.]){N} ?(?P<unit>{U}|s|mi)/(?P<per>{alternatives(PER)})(?![\w^])", _per),
    # 30s is a time after "for", else a decade or a model
    (
        r"(?<=\bfor )(?P<n>\d+)(?P<unit>s)\b|(?<=\b[Ii]n )(?P<m>\d+)s\b|(?P<k>\d*\.\d+)s\b",
        lambda m: f"{m['n'] or m['m'] or m['k']} seconds",
    ),
    (rf"(?<![\w.,$€£/-])(?P<n>{NUMBER}) ?[-–] ?(?P<last>{NUMBER}) ?(?P<unit>{U}){NOT_WORD}", _range),
    (rf"(?<![\w.,$€£/-])(?P<n>{NUMBER} (?:thousand|million|billion|trillion)) (?P<unit>{U}){NOT_WORD}", _unit),
    (rf"{QUANTITY} ?(?P<unit>{U}){NOT_WORD}(?:\.(?! [A-Z]|$))?", _unit),
    (rf"{QUANTITY}(?P<unit>{alternatives(JOINED)}){NOT_WORD}", _unit),
    (
        r"(?<![\w.,$€£/-])(?P<n>\d+(?:\.\d+)?) (?<![12]\d{3} )(?P<unit>s|min|mi|mo|pt|V|W|J|N|l|rad|bar|mos|MP|yo|ly|doz|px|ac|kt|kb|Mb|Gb)(?![\w'/^-]|\.\w)",
        _unit,
    ),
    (
        r"(?<![\w.,$€£/-])(?P<n>\d+(?:\.\d+)?) ?(?P<unit>in)(?=[,;:)]|\.?$| (?:x|by|long|wide|tall|high|deep|thick|of)\b)\.?",
        _unit,
    ),
    (
        r"(?<![\w.,$€£/-])(?P<n>\d+(?:\.\d+)?) (?P<unit>A|T|F|H)(?=[,;:)]|\.?$| (?:fuse|current|circuit|field|charger|capacitor|inductor)\b)",
        _unit,
    ),
    (
        rf"(?<=[\dsx%]) ?/ ?({alternatives(k for k in PER if len(k) > 1)}|day|week|month|year|hour|minute|second|night|person|capita|head|piece|item|page|user|seat)\b",
        lambda m: f" per {PER.get(m[1], m[1])}",
    ),
    (r"(?<=\d)/([smh])\b(?!\w)", lambda m: f" per {PER[m[1]]}"),
)
