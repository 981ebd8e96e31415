"""Own rules: what NeMo's grammars do not read, or read wrong. They act before the grammar, which has the last word.

| written form | who reads it | what the rules change before it |
|---|---|---|
| cardinal, ordinal, decimal, fraction, year | NeMo | numerals.py, counts.py: it spells five digits and more |
| date, time, decade | NeMo | dates.py: short names, ranges, timestamps, the 2010s |
| money | NeMo | money.py: $2.5k, 5€, USD, rupees, ranges |
| measure | units.py, sizes.py | it knows few units, no "5-lb bag" and no "3 ft x 5 ft" |
| phone, card, code, post code, identifier | codes.py | NeMo knows American phone numbers alone |
| mail, web, files | electronic.py | NeMo says the scheme and spells names |
| Roman numerals | roman.py | NeMo has none |
| abbreviation | abbreviations.py | NeMo's list is short |
| address | addresses.py, then NeMo | streets and states by their place |
| capitals, the letter A | capitals.py, letters.py | the G2P would spell "IT WAS" and mumble "a)" |
| signs | symbols.py | NeMo drops some of them |

The G2P is given words alone, so that its own rules for numbers, titles and Roman numerals never act; what the grammar
leaves is read digit by digit by punctuation.py.
"""
