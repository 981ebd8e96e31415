"""Pronunciations as people write them -> the phonemes of a voice: IPA, and respellings such as NAH-vee-uhl.

A respelling is syllables with hyphens between them, the stressed one in capitals. Each is consonants, a vowel and
consonants, written as English would: see VOWELS and CONSONANTS.
"""

import re

# fmt: off
VOWELS = {  # stressed and unstressed, in the alphabet of misaki
    "ah": "ɑ", "o": "ɑ", "a": "æ", "aw": "ɔ", "ay": "A", "e": "ɛ", "eh": "ɛ", "ee": "i", "i": "ɪ", "ih": "ɪ",
    "igh": "I", "eye": "I", "y": "I", "oh": "O", "oo": "u", "uu": "ʊ", "ow": "W", "oy": "Y", "u": "ʌ", "uh": "ʌ",
    "ar": "ɑɹ", "air": "ɛɹ", "eer": "ɪɹ", "ire": "Iəɹ", "or": "ɔɹ", "oor": "ʊɹ", "our": "Wəɹ", "er": "ɜɹ", "ur": "ɜɹ",
}
UNSTRESSED = {"u": "ə", "uh": "ə", "er": "əɹ", "ur": "əɹ"}
CONSONANTS = {
    "ch": "ʧ", "sh": "ʃ", "zh": "ʒ", "th": "θ", "dh": "ð", "ng": "ŋ", "kh": "k", "wh": "w", "ph": "f", "gh": "ɡ",
    "ck": "k", "b": "b", "c": "k", "d": "d", "f": "f", "g": "ɡ", "h": "h", "j": "ʤ", "k": "k", "l": "l", "m": "m",
    "n": "n", "p": "p", "q": "k", "r": "ɹ", "s": "s", "t": "t", "v": "v", "w": "w", "x": "ks", "y": "j", "z": "z",
}
IPA = {  # longest first
    "t͡ʃ": "ʧ", "d͡ʒ": "ʤ", "tʃ": "ʧ", "dʒ": "ʤ", "eɪ": "A", "aɪ": "I", "ɔɪ": "Y", "oʊ": "O", "əʊ": "O", "aʊ": "W",
    "ɚ": "əɹ", "ɝ": "ɜɹ", "ɾ": "T", "g": "ɡ", "r": "ɹ", "e": "ɛ", "o": "O", "ɒ": "ɑ", "ː": "", ".": "", "͡": "",
}
# fmt: on
SOUNDED = "ɑæɔAɛiɪIOuʊWYʌəɜɐaᵊᵻ"  # vowels of the alphabet
STRESS_EARLY = re.compile(rf"([ˈˌ])([^ˈˌ\s{SOUNDED}]+)(?=[{SOUNDED}])")
PARTS = re.compile("|".join(sorted(CONSONANTS, key=len, reverse=True)))
NUCLEUS = re.compile("|".join(sorted(VOWELS, key=len, reverse=True)))
VOICELESS, HISSING = "ptkfθ", "szʃʒʧʤ"


def is_respelling(text: str) -> bool:
    """Whether a pronunciation is a respelling: plain letters and hyphens. Phonemes between slashes are none."""
    return bool(re.fullmatch(r"[A-Za-z]+(?:[- ][A-Za-z]+)*", text))


def pronounce(text: str) -> str:
    """A respelling, IPA, or phonemes as they are, between slashes or not -> phonemes.

    Raises:
        ValueError: a syllable that cannot be read.
    """
    text = text.strip()
    if is_respelling(text):
        return " ".join(respelled(word) for word in text.split())
    return from_ipa(text.strip("/").strip())


def from_ipa(text: str) -> str:
    """IPA in the voices' alphabet: one character for a diphthong or an affricate, stress marks before their vowel."""
    for sounds, phoneme in IPA.items():
        text = text.replace(sounds, phoneme)
    return STRESS_EARLY.sub(r"\2\1", text.replace("'", "ˈ"))


def respelled(word: str) -> str:
    """Phonemes of one respelled word, such as NAH-vee-uhl."""
    syllables = word.split("-")
    strong = [i for i, syllable in enumerate(syllables) if syllable.isupper()] or [0] * (len(syllables) == 1)
    stresses = {index: "ˌ" for index in strong} | {index: "ˈ" for index in strong[:1]}
    return "".join(_syllable(syllable, stresses.get(i, ""), word) for i, syllable in enumerate(syllables))


def possessive(phonemes: str) -> str:
    """Phonemes of a word with 's."""
    last = phonemes[-1]
    return phonemes + ("ᵻz" if last in HISSING else "s" if last in VOICELESS else "z")


def starts_with_vowel(phonemes: str) -> bool:
    """Whether "the" before it is said "thee"."""
    return phonemes.lstrip("ˈˌ")[:1] in SOUNDED


def _syllable(syllable: str, stress: str, word: str) -> str:
    """Consonants, a vowel, consonants."""
    spelled = syllable.lower()
    for match in NUCLEUS.finditer(spelled):
        before, after = _consonants(spelled[: match.start()]), _consonants(spelled[match.end() :])
        if before is not None and after is not None:
            vowel = VOWELS[match[0]] if stress else UNSTRESSED.get(match[0], VOWELS[match[0]])
            return f"{before}{stress}{vowel}{after}"
    raise ValueError(
        f"got {word!r}, whose syllable {syllable!r} cannot be read; expected consonants, one of the vowels "
        f"{' '.join(VOWELS)}, consonants, and the stressed syllable in capitals, as NAH-vee-uhl"
    )


def _consonants(letters: str) -> str | None:
    """Phonemes of consonants; None for letters that are none."""
    letters = re.sub(r"([b-df-hj-np-tv-z])\1", r"\1", letters)
    found = PARTS.findall(letters)
    return "".join(CONSONANTS[part] for part in found) if "".join(found) == letters else None
