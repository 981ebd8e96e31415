"""Whether a quantity stands before what it describes: "a 5 km run" has one kilometer, "5 km from here" several."""

# Words that follow a quantity without being counted by it: "5 km from", "a 5 km run".
NO_NOUN = (
    "a about above across after against ago ahead along and apart are around as at away back be because before behind "
    "below beneath between but by can could deep did does down during each every east for from had has have he high "
    "higher if in inland inside into is it later less long longer more north of off old on onto or out outside over "
    "per since so south than that the then there they this through thick tall to too total towards under until up was "
    "we were west when where which while who wide will with within without would you "
    "today tomorrow yesterday daily weekly now again apiece altogether"
).split()
DETERMINER = (
    r"(?:[Aa]n?|[Tt]he|[Tt]his|[Tt]hat|[Ee]ach|[Ee]very|[Aa]nother|[Mm]y|[Hh]is|[Hh]er|[Oo]ur|[Tt]heir|[Yy]our|[Ii]ts|"
    r"one|first|new)"
)
NOUN = rf"(?=[ ](?!(?:{'|'.join(NO_NOUN)})\b)[a-z]{{3,}})"
