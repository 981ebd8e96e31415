"""Streets and states of the USA by their place in an address; NeMo knows fewer streets, and no state alone."""

import re

from speechllm.text.rules.digits import spell_digits
from speechllm.text.rules.rule import Rules, alternatives

STREETS = {
    "St": "Street", "Ave": "Avenue", "Av": "Avenue", "Rd": "Road", "Blvd": "Boulevard", "Dr": "Drive", "Ln": "Lane",
    "Ct": "Court", "Pl": "Place", "Sq": "Square", "Hwy": "Highway", "Pkwy": "Parkway", "Expy": "Expressway",
    "Ter": "Terrace", "Cir": "Circle", "Trl": "Trail", "hwy": "Highway", "st": "Street", "ave": "Avenue",
}  # fmt: skip
COMPASS = {
    "N": "North",
    "S": "South",
    "E": "East",
    "W": "West",
    "NE": "Northeast",
    "NW": "Northwest",
    "SE": "Southeast",
}
COMPASS |= {"SW": "Southwest"}
STATES = dict(
    pair.split("=")
    for pair in (
        "AL=Alabama;AK=Alaska;AZ=Arizona;AR=Arkansas;CA=California;CO=Colorado;CT=Connecticut;DE=Delaware;FL=Florida;"
        "GA=Georgia;HI=Hawaii;ID=Idaho;IL=Illinois;IN=Indiana;IA=Iowa;KS=Kansas;KY=Kentucky;LA=Louisiana;ME=Maine;"
        "MD=Maryland;MA=Massachusetts;MI=Michigan;MN=Minnesota;MS=Mississippi;MO=Missouri;MT=Montana;NE=Nebraska;"
        "NV=Nevada;NH=New Hampshire;NJ=New Jersey;NM=New Mexico;NY=New York;NC=North Carolina;ND=North Dakota;OH=Ohio;"
        "OK=Oklahoma;OR=Oregon;PA=Pennsylvania;RI=Rhode Island;SC=South Carolina;SD=South Dakota;TN=Tennessee;TX=Texas;"
        "UT=Utah;VT=Vermont;VA=Virginia;WA=Washington;WV=West Virginia;WI=Wisconsin;WY=Wyoming;DC=D.C."
    ).split(";")
)


def _street(match: re.Match[str]) -> str:
    side = f"{COMPASS[match['side']]} " if match["side"] else ""
    ends = match["stop"] and (
        not match.string[match.end() :].strip(" \"')") or re.match(r" +[A-Z]", match.string[match.end() :])
    )
    return f"{_number(match['n'])} {side}{match['name']} {STREETS[match['kind']]}{'.' if ends else ''}"


def _number(digits: str) -> str:
    """In pairs, as NeMo reads it: 123 -> 1 23, 708 -> 7 0 8; years read themselves."""
    if len(digits) == 3 and digits[1:] != "00":
        return f"{digits[0]} {' '.join(digits[1:]) if digits[1] == '0' else digits[1:]}"
    if len(digits) == 4 and digits[2] != "0" and digits[1] != "0":
        return f"{digits[:2]} {digits[2:]}"
    return digits


def _post_code(match: re.Match[str]) -> str:
    rest = f", {spell_digits(match[4])}" if match[4] else ""
    return f"{STATES[match[1]]}{match[2]} {spell_digits(match[3])}{rest}"


NAME = r"(?:[A-Z][a-z]+|\d+(?:st|nd|rd|th))(?: [A-Z][a-z]+)?"
RULES = Rules(
    (
        rf"(?<![\w.,$-])(?P<n>\d{{1,5}}) (?:(?P<side>{alternatives(COMPASS)})\.? )?(?P<name>{NAME}) "
        rf"(?P<kind>{alternatives(STREETS)})(?P<stop>\.?)(?!\w)",
        _street,
    ),
    (rf"(?<=, )({alternatives(STATES)})(?=\.?$|, (?:USA|U\.S\.)|,? and\b|, [a-z])(?<!, OK)", lambda m: STATES[m[1]]),
    (rf"(?<![\w.])({alternatives(STATES)})(,?) (\d{{5}})(?:-(\d{{4}}))?(?![\w-])", _post_code),
    needs=r"[A-Z]{2}\b|\d (?:[A-Z]|\d+(?:st|nd|rd|th))",
)
