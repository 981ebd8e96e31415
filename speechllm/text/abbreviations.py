"""Tables of words for written_forms.py and sentences.py; nothing but data."""

# fmt: off
ABBREVIATIONS = {
    "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Prof.": "Professor", "Gen.": "General", "Gov.": "Governor",
    "Sen.": "Senator", "Rep.": "Representative", "Capt.": "Captain", "Lt.": "Lieutenant", "Col.": "Colonel",
    "Sgt.": "Sergeant", "Rev.": "Reverend", "Hon.": "Honorable", "Pres.": "President", "Mt.": "Mount",
    "Jr.": "Junior", "Sr.": "Senior", "Inc.": "Incorporated", "Ltd.": "Limited", "Co.": "Company",
    "Corp.": "Corporation", "Bros.": "Brothers", "Dept.": "Department", "Univ.": "University", "Ave.": "Avenue",
    "Blvd.": "Boulevard", "Rd.": "Road", "Ln.": "Lane", "Hwy.": "Highway", "Apt.": "Apartment",
    "Assn.": "Association", "approx.": "approximately", "vs.": "versus", "vs": "versus", "etc.": "et cetera",
    "e.g.": "for example", "i.e.": "that is", "cf.": "compare", "al.": "al", "est.": "established",
    "dept.": "department", "Govt.": "Government", "Jan.": "January", "Feb.": "February", "Aug.": "August",
    "Sept.": "September", "Oct.": "October", "Nov.": "November", "Dec.": "December", "a.m.": "A.M.", "p.m.": "P.M.",
    "Ph.D.": "P.H.D.",
}
# Abbreviations that often end a sentence, so that a capital after them begins the next.
MAY_END = frozenset("etc. Inc. Ltd. Co. Corp. Jr. Sr. Ave. Blvd. Rd. Ln. al.".split())
BY_POSITION = {"St.": ("Saint", "Street"), "Dr.": ("Doctor", "Drive"), "Ft.": ("Fort", "feet")}  # title, place
BEFORE_NUMBER = {
    "No.": "number", "no.": "number", "Nos.": "numbers", "p.": "page", "pp.": "pages", "Fig.": "Figure",
    "fig.": "figure", "Vol.": "Volume", "vol.": "volume", "Ch.": "Chapter", "ch.": "chapter", "Sec.": "Section",
    "Eq.": "Equation", "eq.": "equation", "Art.": "Article", "Mar.": "March", "Apr.": "April", "Jun.": "June",
    "Jul.": "July", "Sep.": "September", "c.": "circa", "ca.": "circa", "v": "version", "ver.": "version",
}
# Abbreviations that never end a sentence; no single capital letter does either.
TITLES = frozenset("Mr Mrs Ms Dr Prof Gen Gov Sen Rep Capt Lt Col Sgt Rev Hon Pres Mt St Ft Fr Messrs".split())
MID_SENTENCE = frozenset(
    "e.g i.e cf vs approx No Nos Fig fig p pp Vol vol Ch ch Sec Eq eq ca Jan Feb Aug Sept Oct Nov".split()
)

UNITS = {  # singular, plural
    "km": ("kilometer", "kilometers"), "cm": ("centimeter", "centimeters"), "mm": ("millimeter", "millimeters"),
    "m": ("meter", "meters"), "μm": ("micrometer", "micrometers"), "nm": ("nanometer", "nanometers"),
    "ft": ("foot", "feet"), "in.": ("inch", "inches"), "mi": ("mile", "miles"), "yd": ("yard", "yards"),
    "kg": ("kilogram", "kilograms"), "mg": ("milligram", "milligrams"), "g": ("gram", "grams"),
    "μg": ("microgram", "micrograms"), "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"), "ml": ("milliliter", "milliliters"), "mL": ("milliliter", "milliliters"),
    "L": ("liter", "liters"), "ms": ("millisecond", "milliseconds"), "μs": ("microsecond", "microseconds"),
    "sec": ("second", "seconds"), "secs": ("second", "seconds"), "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"), "hr": ("hour", "hours"), "hrs": ("hour", "hours"),
    "kHz": ("kilohertz", "kilohertz"), "Hz": ("hertz", "hertz"), "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"), "KB": ("kilobyte", "kilobytes"), "kB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"), "TB": ("terabyte", "terabytes"),
    "mph": ("mile per hour", "miles per hour"), "km/h": ("kilometer per hour", "kilometers per hour"),
    "m/s": ("meter per second", "meters per second"), "Mbps": ("megabit per second", "megabits per second"),
    "kW": ("kilowatt", "kilowatts"), "kWh": ("kilowatt hour", "kilowatt hours"),
    "sq ft": ("square foot", "square feet"),
}
CURRENCIES = {
    "₹": "rupees", "₩": "won", "₽": "rubles", "₺": "lira", "₫": "dong", "₪": "shekels", "₴": "hryvnia",
    "₿": "bitcoin", "₦": "naira", "₱": "pesos", "¢": "cents",
}

# "Chapter IV" is a number, "Henry VIII" an ordinal, "vitamin A" a letter.
NUMBERED = (
    "Chapter chapter Part part Act Scene Section section Volume volume Book book Phase phase Article article Type "
    "type Mark Level level Stage stage Class class Grade grade Episode Round Apollo Rocky War Bowl Title Appendix "
    "Fantasy"
).split()
MONARCHS = (
    "Henry Louis Edward George William Charles James Richard Elizabeth Napoleon Pius Benedict Leo Paul Ramses "
    "Frederick Philip Alexander Nicholas Catherine Ivan Ferdinand Gustav John Francis Mary Clement Gregory"
).split()
LETTERED = (
    "vitamin Vitamin grade Grade plan Plan point Point type Type team Team group Group class Class hepatitis "
    "Hepatitis section Section option Option appendix Appendix letter Letter exhibit Exhibit part Part"
).split()

# In a sentence of capitals: short words that are words, and longer ones that are not.
SHORT_WORDS = frozenset(
    (
        "AM AN AS AT BE BY DO GO HE HI IF IN IS IT ME MY NO OF OH ON OR OX SO TO UP US WE YO AH HA OW ACT ADD AGE AGO "
        "AID AIM AIR ALL AND ANY APE ARE ARM ART ASK ATE BAD BAG BAN BAR BAT BAY BED BEE BET BIG BIT BOW BOX BOY BUG "
        "BUS BUT BUY CAN CAP CAR CAT COW CRY CUP CUT DAD DAY DEN DID DIE DIG DOG DOT DRY DUE EAR EAT EGG END EYE FAN "
        "FAR FAT FED FEE FEW FIT FIX FLY FOR FOX FUN GAP GAS GET GOD GOT GUN GUY HAD HAS HAT HER HEY HIM HIS HIT HOT "
        "HOW ICE ILL ITS JAM JOB JOY KEY KID LAB LAW LAY LEG LET LIE LIP LOT LOW MAD MAN MAP MAY MEN MET MIX MOM MUD "
        "NET NEW NOR NOT NOW NUT ODD OFF OIL OLD ONE OUR OUT OWE OWN PAY PEN PET PIE PIG PIN PIT PUT RAN RAW RED RID "
        "ROW RUN SAD SAT SAW SAY SEA SEE SET SHE SHY SIT SIX SKY SON SUN TAX TEA TEN THE TIE TIP TOE TOO TOP TOY TRY "
        "TWO USE VAN WAR WAS WAY WET WHO WHY WIN WON YES YET YOU ZOO DR MR MRS MS ST SPY MYTH GYM HYMN LYNX"
    ).split()
)
ACRONYMS = frozenset(
    (
        "NASA NATO UNESCO UNICEF FIFA UEFA OPEC JPEG COVID ACLU NAACP NASDAQ NCAA ASAP ASCII ESPN YMCA IEEE IUPAC "
        "DARPA FEMA OSHA SCSI UEFI BIOS NAFTA NORAD USAID CUDA AWOL AIDS EULA GNU SQL GIF PIN RAM ROM OLED LED API "
        "URL URI CEO CFO CTO FAQ DIY ETA EPA FDA IRA IRS NBA NFL USA UAE IOU IPO IKEA RSVP HVAC AARP IMAX WIFI FAA "
        "ICAO IATA ISO IPA"
    ).split()
)
# fmt: on
