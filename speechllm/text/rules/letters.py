"""The letter A, which is no article: "a)", "vitamin A", "A B C"."""

from speechllm.text.rules.rule import Rules, alternatives

LETTERED = (
    "vitamin Vitamin grade Grade plan Plan point Point type Type team Team group Group class Class hepatitis "
    "Hepatitis section Section option Option appendix Appendix letter Letter exhibit Exhibit part Part Series series "
    "Schedule schedule Gate gate Block block"
).split()
RULES = Rules(
    (r"(?<=[a-z])\((s|es|ren)\)", r"\1"),  # item(s)
    (r"(?<![\w(])\(?([A-Za-z])\)(?=[ ,.;:]|$)", lambda m: f"{m[1].upper()}.,"),  # a) and (a)
    (r"(?<=\b[A-F])-(?=[,;.!?)]|$)", " minus"),  # a grade
    (r"(?<=\b[A-F])\+(?![\w+])", " plus"),
    (r"(?<![\w.-])A(?= [A-Z](?: |$))|(?<=^)[Aa](?=\W*$)", "A."),
    (rf"\b({alternatives(LETTERED)}) A\b(?!\.| (?:minus|plus)\b)", r"\1 A."),
    (r"(?<=\bfrom )[Aa](?= to [Zz]\b)|\b[Aa](?= to [Zz]\b)|\bA(?=[-–]Z\b)", "A."),
    (r"(?<=A\.)[-–](?=Z\b)", " to "),
    needs=r"[()]|\b[A-Fa]\b",
)
