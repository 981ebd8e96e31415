"""Names of units, of more of them than NeMo knows."""

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
    "hPa": "hectopascal", "ha": "hectare", "ac": "acre", "mi": "mile", "yd": "yard", "yds": "yard",
    "nmi": "nautical mile",
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
    "sq. km": "square kilometer", "sq. m": "square meter", "kn": "knot", "kt": "knot", "kts": "knot", "px": "pixel",
    "MP": "megapixel", "hp": "horsepower",
    "HP": "horsepower", "sq ft": "square foot", "sq. ft.": "square foot", "sq mi": "square mile",
    "sq. mi.": "square mile", "sq m": "square meter", "sq km": "square kilometer", "cu ft": "cubic foot",
    "cu. ft.": "cubic foot", "ft": "foot", "ft.": "foot", "in.": "inch", "in": "inch", "Mbps": "megabit per second",
    "ly": "light year", "pcs": "piece", "doz": "dozen", "ft-lb": "foot-pound", "ft-lbs": "foot-pound",
    "kOhm": "kilo-ohm", "KG": "kilogram", "KM": "kilometer", "KHz": "kilohertz", "Ohm": "ohm", "kcals": "kilocalorie",
    "mAh": "milliamp hour",
    "yo": "year old", "pct": "percent", "lux": "lux",
}  # fmt: skip
UNCHANGED = {"horsepower", "lux", "bar", "percent"}
IRREGULAR = {"foot": "feet", "inch": "inches", "henry": "henries", "year old": "years old"}
SQUARES = {"m", "km", "cm", "mm", "ft", "in", "mi", "yd"}
# What is counted by the hour, or the like, in words: "3 times/week", "60 beats/min".
PER = {
    "s": "second", "sec": "second", "min": "minute", "h": "hour", "hr": "hour", "d": "day", "wk": "week", "mo": "month",
    "yr": "year", "lb": "pound", "kg": "kilogram", "g": "gram", "L": "liter", "l": "liter", "mL": "milliliter",
    "ml": "milliliter", "dL": "deciliter", "gal": "gallon", "mi": "mile", "km": "kilometer", "m": "meter",
    "cm": "centimeter",
    "ft": "foot", "in": "inch", "oz": "ounce", "m2": "square meter", "m3": "cubic meter", "m^2": "square meter",
    "m^3": "cubic meter", "cm3": "cubic centimeter", "cm^3": "cubic centimeter", "sq ft": "square foot",
    "ha": "hectare",
    "acre": "acre", "s2": "second squared", "s^2": "second squared", "GB": "gigabyte", "MB": "megabyte", "mol": "mole",
    "in^2": "square inch", "ft^2": "square foot", "cm^2": "square centimeter", "in2": "square inch",
    "day": "day", "week": "week", "month": "month", "year": "year", "hour": "hour", "minute": "minute",
    "second": "second",
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
LETTERS = frozenset(
    "A B F H T N W V J s in l kt min mo pt ac bar rad mi MP HP yo ly cd kb Mb Gb px mos doz pixel".split()
)
SURE = {name for name in NAMES if name not in LETTERS}
JOINED = LETTERS - frozenset("A B F H T in N pt bar s".split())  # written without a space: 5V
