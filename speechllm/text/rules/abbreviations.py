"""Abbreviations in full: ours, not NeMo's, whose list is short and does not know a street from a saint."""

import re

from speechllm.text.abbreviations import ABBREVIATIONS, BY_POSITION, WITHOUT_STOP, of_kind
from speechllm.text.rules.rule import Rules, alternatives

BEFORE_NUMBER, ALWAYS = of_kind("number"), of_kind("title", "phrase", "date", "end")
AFTER_NUMBER = "hr. hrs. mins. secs. wk. wks. mo. mos. yr. yrs. ed.".split()  # elsewhere they are words or letters
AMBIGUOUS = {
    "b.",
    "c.",
    "ca.",
    "v.",
    "Ph.",
    "al.",
    "Co.",
    *"ft. in. lb. lbs. oz. sq. cu.".split(),
    "Fr.",
    "Tech.",
    *AFTER_NUMBER,
}
PLAIN = {written: spoken for written, spoken in ALWAYS.items() if written not in AMBIGUOUS}
ENDS = of_kind("end")


def _ends(match: re.Match[str], may_end: bool) -> bool:
    """Whether the full stop of this abbreviation is the sentence's as well."""
    rest = match.string[match.end() :]
    return match[0].endswith(".") and (not rest.strip(" \"')") or (may_end and bool(re.match(r" +[A-Z]", rest))))


def _full(match: re.Match[str]) -> str:
    return ALWAYS[match[1]] + ("." if _ends(match, match[1] in ENDS) else "")


def _by_position(match: re.Match[str]) -> str:
    """'St. Louis' is a saint, 'Elm St.' a street; 'Dr.' and 'Ft.' likewise."""
    head, rest = match.string[: match.start()], match.string[match.end() :]
    title, place = BY_POSITION[f"{match[1].rstrip('.')}."]
    after_name = re.search(r" [A-Z]\w* $|\d(?:st|nd|rd|th)? $", head)  # not the first word, whose capital says nothing
    before_name = re.match(r" +[A-Z]", rest)
    ends = match[1].endswith(".") and (not rest.strip(" \"')") or (before_name and after_name))
    is_title = not after_name and (before_name or match[1] == "Dr." or not head)
    return title if is_title else f"{place}{'.' if ends else ''}"


def _ampersand(match: re.Match[str]) -> str:
    """AT&T is spelled: A. T. and T."""
    return " and ".join(".".join(side) + "." if side == "AT" else side for side in match[0].split("&"))


RULES = Rules(
    (r"\b[A-Z]{1,3}&[A-Z]{1,3}\b", _ampersand),
    (rf"(?<![\w.])({alternatives(BEFORE_NUMBER)}) ?(?=\d|[IVXLC]{{2,}}\b)", lambda m: BEFORE_NUMBER[m[1]] + " "),
    (r"\b(Vol|vol|Ch|ch|Chap|chap|Pt|Bk|Fig)\. (?=[IVX]\b(?!'))", lambda m: BEFORE_NUMBER[f"{m[1]}."] + " "),
    (rf"\b({alternatives(WITHOUT_STOP)})(?= [A-Z])", lambda m: WITHOUT_STOP[m[1]]),
    (r"(?<![\w.])(St\.|Dr\.|Ft\.|St(?= [A-Z]))(?!\w)", _by_position),
    (r"\b(?:c\.|ca\.) ?(?=\d)", "circa "),
    (r"\bb\. (?=\d{4}\b)", "born "),
    (r"\bvs\.? ?", "versus "),
    (r"(?<=[A-Z]) v\.? (?=[A-Z][a-z])", " versus "),
    (r"(?<=[a-z]) v\. (?=[A-Z][a-z])", " versus "),  # Roe v. Wade
    (r"\bv(?=\d+(?:\.\d+)*\b)", "version "),
    (r"\bet al\.", "et al"),
    (rf"(?<=\d) ?({alternatives(AFTER_NUMBER)})(?!\w)", lambda m: f" {_full(m)}"),
    (r"(?<=[A-Z&]) ?(Co\.)(?!\w)|(?<=[a-z]) (Co\.)(?!\w)", lambda m: " Company" + ("." if _ends(m, True) else "")),
    (r"\bFr\. (?=[A-Z])", "Father "),
    (rf"(?<!\w)(?<!\w\.)({alternatives(PLAIN)})(?!\w)", _full),
    (r"\bw/o\b", "without"),
    (r"\bw/(?= ?\w)", "with "),
    (r"\bb/c\b", "because"),
    (r"\bc/o\b", "care of"),
    (r"\b[aA]/c\b(?= (?:no|number|\d))", "account"),
    (r"&c\.?(?!\w)", "et cetera"),
    (r"\band/or\b", "and or"),
    (r"\bs/he\b", "he or she"),
    (r"(?i)\b(he|his|him|they|himself|men|boys)/(she|hers?|him|herself|women|girls)\b", r"\1 or \2"),
    (r"(?<=\b[A-Z]{2})/(?=[A-Z]{2}\b)|(?<=\b[A-Z]{3})/(?=[A-Z]{2})|(?<=\b[A-Z]{2})/(?=[A-Z]{3})|(?<=\bA)/(?=C\b)", " "),
    (r"\bn/a\b", "N.A."),
    (r"\bN/A\b", "N.A."),
    needs=r"[./&]|\b(?:Mrs?|Ms|Dr|Prof|St) [A-Z]|\bvs\b|\bv ?\d| v [A-Z]",
)
assert set(PLAIN) < set(ABBREVIATIONS)
