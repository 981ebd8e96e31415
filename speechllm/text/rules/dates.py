"""Days, months, years, times and their ranges, in the form that NeMo reads well; numbers stay digits."""

import re

from speechllm.text.rules.roman import ordinal
from speechllm.text.rules.rule import Rules, alternatives

MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTH_OF = {name[:3]: name for name in MONTHS} | {name: name for name in MONTHS} | {"Sept": "September"}
DAY_OF = {name[:3]: name for name in WEEKDAYS} | {name: name for name in WEEKDAYS}
DAY_OF |= {"Tues": "Tuesday", "Thur": "Thursday", "Thurs": "Thursday"}
MONTH = (
    r"(?:(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)|May|MAY)"
)
DAY = rf"(?:{alternatives(DAY_OF)})"
DATE = r"(?:0?[1-9]|[12]\d|3[01])"
TO = r" ?[-–] ?"
ZONES = "UTC|GMT|EST|EDT|CST|CDT|MST|MDT|PST|PDT|CET|CEST|BST|IST|JST|ET|PT"


def month(written: str) -> str:
    """'January' of 'Jan', 'JAN.' or 'jan'."""
    return MONTH_OF[written.rstrip(".").capitalize()]


def _timestamp(match: re.Match[str]) -> str:
    """2023-01-02T10:00:00Z -> January 2, 2023 at 10:00 UTC."""
    seconds = f" and {int(match['s'])} seconds" if match["s"] and int(match["s"]) else ""
    zone = match["zone"] or ""
    spoken = (
        "UTC" if zone in ("Z", "z") else f"UTC {'minus' if zone[0] == '-' else 'plus'} {int(zone[1:3])}" if zone else ""
    )
    return f"{_iso(match)} at {int(match['h'])}:{match['min']}{seconds} {spoken}".rstrip()


def _iso(match: re.Match[str]) -> str:
    return f"{MONTHS[int(match['m']) - 1]} {int(match['d'])} {match['y']}"


def _two_years(match: re.Match[str]) -> str:
    """2023/24 is one season; 2023/25 is none."""
    first, second = int(match[1]), int(match[2][-2:])
    return f"{match[1]} {match[2]}" if (first + 1) % 100 == second else match[0]


def _decade(match: re.Match[str]) -> str:
    """'2010s': NeMo reads "two thousand and ten S"."""
    century = {"20": "twenty", "21": "twenty one"}[match[1]]
    tens = "tens twenties thirties forties fifties sixties seventies eighties nineties".split()[int(match[2]) - 1]
    return f"{century} {tens}"


def _hours(match: re.Match[str]) -> str:
    """5-7pm -> 5 to 7 P.M."""
    return f"{match[1]} to {match[2]} {match[3].upper()}.M."


ISO = r"(?P<y>\d{4})-(?P<m>0[1-9]|1[0-2])-(?P<d>0[1-9]|[12]\d|3[01])"
CLOCK = r"\d{1,2}(?::\d{2})?"
NOT_INSIDE = r"(?<![\w./-])"


def _days(match: re.Match[str]) -> str:
    """Mon, Wed & Fri -> Monday, Wednesday & Friday."""
    return re.sub(rf"\b{DAY}\b\.?", lambda m: DAY_OF[m[0].rstrip(".")], match[0].replace("-", ", "))


def _day_of_month(match: re.Match[str]) -> str:
    """'on 12/25'."""
    return f"{match[1]}{MONTHS[int(match[2]) - 1]} {int(match[3])}"


NAMES = Rules(
    (rf"\b{DAY}\.?(?:-{DAY}\.?){{2,}}(?!\w)", _days),
    (r"\bM[-–]F\b", "Monday to Friday"),
    (rf"\b{DAY}\b\.?(?:(?:, | & | and | or )(?:and |& )?{DAY}\b\.?)+", _days),
    (rf"\b({DAY})\.?{TO}({DAY})\b", lambda m: f"{DAY_OF[m[1]]} to {DAY_OF[m[2]]}"),
    (rf"\b({DAY})/({DAY})\b", lambda m: f"{DAY_OF[m[1]]} and {DAY_OF[m[2]]}"),
    (rf"\b({MONTH})\.?{TO}({MONTH})\b\.?(?! \d{{1,2}}\b)", lambda m: f"{month(m[1])} to {month(m[2])}"),
    needs=rf"\b{DAY}\b|M[-–]F|{MONTH}\.? ?[-–]",
)
WITH_MONTH = Rules(
    (
        rf"\b({MONTH})\.? ({DATE})(?:st|nd|rd|th)?{TO}({MONTH})\.? ({DATE})(?:st|nd|rd|th)?\b",
        lambda m: f"{month(m[1])} {m[2]} to {month(m[3])} {m[4]}",
    ),
    (
        rf"\b({MONTH})\.? ({DATE})(?:st|nd|rd|th)?{TO}({DATE})(?:st|nd|rd|th)?\b(?![-–:])",
        lambda m: f"{month(m[1])} {m[2]} to {ordinal(int(m[3]))}",
    ),
    (
        rf"(?<![\w.-])(?:the )?({DATE})(?:st|nd|rd|th)?{TO}({DATE})(?:st|nd|rd|th)? (?:of )?({MONTH})\b\.?",
        lambda m: f"the {ordinal(int(m[1]))} to the {ordinal(int(m[2]))} of {month(m[3])}",
    ),
    (rf"\b({MONTH})\.?(?=[ -]\d)", lambda m: month(m[1])),
    (
        rf"(?<=\d )({MONTH})\b\.?(?=[ ,]+\d{{4}}|\W*$)|(?<=\d(?:st|nd|rd|th) )({MONTH})\b\.?",
        lambda m: month(m[1] or m[2]),
    ),
    needs=rf"\b{MONTH}",
)
RULES = Rules(
    (rf"\b(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\.?(?=,? (?:{MONTH}\.?|\d|at \d)|, \d)", lambda m: DAY_OF[m[1]]),
    (r"\bFY ?(?=\d)", "FY "),
    (r"\b(Q[1-4]) ?[-–] ?(?=Q?[1-4]\b)", r"\1 to "),
    (r"\b(\d{4})-W0?(\d{1,2})\b", r"week \2 of \1"),
    (r"\b([01]?\d|2[0-3])h([0-5]\d)\b", r"\1:\2"),
    (r"(?<=\d:\d\d)Z\b", " UTC"),
    (
        r"(?i)\b((?:on|by|until|since|before|after|due) )(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])(?![\w/]|\.\d)",
        _day_of_month,
    ),
    (
        rf"{NOT_INSIDE}{ISO}[T ](?P<h>[01]\d|2[0-4]):(?P<min>[0-5]\d)(?::(?P<s>[0-5]\d)(?:\.\d+)?)?"
        r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)?\b(?!:)",
        _timestamp,
    ),
    (r"(?<![\d/])(0?[1-9]|1[0-2])/(\d{4})\b(?!/)", lambda m: f"{MONTHS[int(m[1]) - 1]} {m[2]}"),
    (r"(?<![\w/.-])((?:19|20)\d\d)/(\d{4}|\d\d)(?![\w/])", _two_years),
    (r"\b(2[01])([1-9])0(?:'?s)\b", _decade),
    (r"(\d0)'s\b", r"\1s"),
    (r"(?<=\ds)-(?=[a-z])|(?<=\d(?:st|nd|rd|th))-(?=[a-z])", " "),
    (r"(\d0s) ?[-–] ?(?='?\d)", r"\1 to "),
    (rf"(?i)(?<![\w:.])({CLOCK}){TO}({CLOCK}) ?([ap])\.? ?m\b\.?", _hours),
    (r"(?i)(?<=\d) ?([ap])\.? ?m\b\.?", lambda m: f" {m[1].upper()}.M."),
    (r"(?i)(?<=[AP]\.M\.) ?(e|c|m|p)\.?([sd])\.?t\b\.?", lambda m: f" {m[1].upper()}{m[2].upper()}T"),
    (rf"(?<=[AP]\.M\.){TO}(?=\d)", " to "),
    (rf"(?<![\w:.])(\d{{1,2}}:\d\d){TO}(\d{{1,2}}:\d\d)(?![\w:])", r"\1 to \2"),
    (r"(?<![\d:])(\d+):(\d)(?![\d:])", r"\1 to \2"),  # a ratio, where a time has two digits
    (rf"(?<=\d)(?={ZONES}\b)", " "),
    (r"\b([12]\d{3}|\d{1,3}) ?(BC|AD|BCE|CE)\b", r"\1 \2"),
    (r"\bmid-(?=['\d])", "mid "),
    needs=rf"[:/–-]|\d0?'?s\b|\d ?[AaPp]\.? ?[Mm]|\b{DAY}\b|\bFY|\bQ\d|\d ?[A-Z]|\dh\d|mid|(?i:on|by|due) \d",
)
