"""Words in capitals that are no acronyms -> small letters: a G2P spells what it takes for an acronym.

A sentence of capitals, capitals with which a chapter opens ("IT WAS the best of times"), and short words anywhere.
"""

import re

from speechllm.text.rules.roman import VALID

# fmt: off
SHORT_WORDS = frozenset(
    (
        "AM AN AS AT BE BY DO GO HE HI IF IN IS IT ME MY NO OF OH ON OR OX SO TO UP US WE YO AH HA OW ACT ADD AGE AGO "
        "AID AIM AIR ALL AND ANY APE ARE ARM ART ASK ATE BAD BAG BAN BAR BAT BAY BED BEE BET BIG BIT BOW BOX BOY BUG "
        "BUS BUT BUY CAN CAP CAR CAT COW CRY CUP CUT DAD DAY DEN DID DIE DIG DOG DOT DRY DUE EAR EAT EGG END EYE FAN "
        "FAR FAT FED FEE FEW FIT FIX FLY FOR FOX FUN GAP GAS GET GOD GOT GUN GUY HAD HAS HAT HER HEY HIM HIS HIT HOT "
        "HOW ICE ILL ITS JAM JOB JOY KEY KID LAB LAW LAY LEG LET LIE LIP LOT LOW MAD MAN MAP MAY MEN MET MIX MOM MUD "
        "NET NEW NOR NOT NOW NUT ODD OFF OIL OLD ONE OUR OUT OWE OWN PAY PEN PET PIE PIG PIN PIT PUT RAN RAW RED RID "
        "ROW RUN SAD SAT SAW SAY SEA SEE SET SHE SHY SIT SIX SKY SON SUN TAX TEA TEN THE TIE TIP TOE TOO TOP TOY TRY "
        "TWO USE VAN WAR WAS WAY WET WHO WHY WIN WON YES YET YOU ZOO DR MR MRS MS ST SPY MYTH GYM HYMN LYNX HMM SHH "
        "UGH WOW AWE AXE BEG BIN BOB COP CUB DAM DIM DIP DUG EVE FIN FOG FUR GEM GUM HAM HEN HOP HUG HUT INK JAR JAW "
        "JET LAP LED LID LOG MOB MOP MUG NAP NUN OAK OAR OAT OWL PAL PAN PAT PAW PEA PIN POP POT PUB RAG RAT RIB ROB "
        "ROD ROT RUB RUG SAP SIN SIP SOB SUM TAB TAG TAN TAP TAR TIN TON TUB VET VOW WAX WEB WIG YARN YEA YEAR ZIP MRS"
    ).split()
)
# Words among small letters too; the IT department, the US, 5 AM and WHO, PIN, ZIP are not.
SMALL_WORDS = frozenset(
    (
        "ALL AND ANY ARE AS AT BE BUT BY CAN DID DO FOR GO HAD HAS HE HER HIM HIS HOW IF IS ITS MAY MY NO NOR NOT NOW "
        "OF OFF OH ON ONE OUR OUT SHE SO THE TO TOO TWO UP WAS WE WHY YES YET YOU"
    ).split()
)
ACRONYMS = frozenset(
    (
        "NASA NATO UNESCO UNICEF FIFA UEFA OPEC JPEG COVID ACLU NAACP NASDAQ NCAA ASAP ASCII ESPN YMCA IEEE IUPAC "
        "DARPA FEMA OSHA SCSI UEFI BIOS NAFTA NORAD USAID CUDA AWOL AIDS EULA GNU SQL GIF PIN RAM ROM OLED LED API "
        "URL URI CEO CFO CTO FAQ DIY ETA EPA FDA IRA IRS NBA NFL USA UAE IOU IPO IKEA RSVP HVAC AARP IMAX WIFI FAA "
        "ICAO IATA ISO IPA NYPD BBC CNN FBI CIA DNA RNA GPS HTML HTTP USB CPU GPU PDF TV DVD UFO UK EU UN AI PC ID"
    ).split()
)
# fmt: on
SHOUTED = re.compile(r"(?<![\w.&])[A-Z]{2,}(?:'[A-Z]+)?(?![\w.]\w|\w|&)")
OPENING = re.compile(r"^\W*(?:[A-Z]+(?:'[A-Z]+)?,? ){1,8}(?=[a-z])")


def quiet(text: str) -> str:
    """`text` with ordinary words in small letters; acronyms keep their capitals, which is how a G2P knows them.

    >>> quiet("NASA LAUNCHES A NEW ROCKET")
    'NASA launches a new rocket'
    >>> quiet("IT WAS the best of times")
    'It was the best of times'
    """
    words = SHOUTED.findall(text)
    if not words:
        return text
    text = re.sub(r"\bAM I\b", "am I", re.sub(r"\bI AM\b", "I am", text))
    if not re.search(r"[a-z]", text):
        return text if len(words) == 1 and len(words[0]) < 5 and words[0] not in ("IT", "SO") else _lowered(text)
    opening = OPENING.match(text)
    if opening and len(opening[0].split()) > 1 and any(word in SHORT_WORDS for word in SHOUTED.findall(opening[0])):
        return _lowered(opening[0]) + quiet(text[opening.end() :])
    return SHOUTED.sub(_short, text)


def _lowered(text: str) -> str:
    text = re.sub(r"(?<= )A(?= [A-Z]{2})", "a", text)
    return re.sub(r"[A-Za-z]", lambda m: m[0].upper(), SHOUTED.sub(_word, text), count=1)


def _word(match: re.Match[str]) -> str:
    """A word of a text in capitals."""
    word = match[0].split("'")[0]
    if len(word) > 1 and re.fullmatch(VALID, word) and word not in SHORT_WORDS:
        return match[0]
    spelled = word in ACRONYMS or not re.search(r"[AEIOUY]", word)
    if word not in SHORT_WORDS and (spelled or (len(word) <= 3 and "'" not in match[0])):
        return match[0]
    return match[0].lower()


def _short(match: re.Match[str]) -> str:
    """A short word in capitals among small letters; longer ones are known to the G2P, which stresses them."""
    word = match[0]
    if word not in SMALL_WORDS:
        return word
    return word.capitalize() if not match.string[: match.start()].strip(" \"'(") else word.lower()
