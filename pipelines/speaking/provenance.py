"""What a file of speech says of its origin: facts by name, in a comment that people and programs can read.

    synthetic speech; software=lfsc-tts 0.1.0; voice=heart; codec=1a2b3c; source=trainedAlgorithmicMedia; watermark=...

The comment is complete, and ASCII: it is the one tag that every format keeps as it was given. `source` is the word of
IPTC's Digital Source Type for what a trained model made.
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import quote, unquote

from codec.watermark.pattern import KEY
from pipelines.speaking.voice import PROMPTED, Voice

SYNTHETIC = "synthetic speech"  # how the comment begins
SOURCE = "trainedAlgorithmicMedia"
PLAIN = " ./:+@"  # characters that stay as they are, beside letters and digits


def provenance(voice: Voice, watermark: bool, **further: str) -> dict[str, str]:
    """The tags of a file in which a voice speaks.

    Args:
        voice: who speaks.
        watermark: whether the sound bears the mark too.
        further: facts by name, such as what a prompt was used with.
    """
    facts = {"software": software(), "voice": voice.name}
    if voice.speaker:
        facts["speaker"] = voice.speaker
    if voice.speaker == PROMPTED:
        facts["consent"] = "stated by the user"
    if "version" in voice.card:
        facts["version"] = str(voice.card["version"])
    facts |= {"codec": str(voice.codec.fingerprint), "source": SOURCE, "watermark": KEY if watermark else "none"}
    return to_tags(facts | further)


def to_tags(facts: Mapping[str, str]) -> dict[str, str]:
    """Facts -> the tags of a file."""
    said = [f"{quote(name, PLAIN)}={quote(value, PLAIN)}" for name, value in facts.items()]
    tags = {"comment": "; ".join([SYNTHETIC, *said])}
    return {"software": facts["software"], **tags} if "software" in facts else tags


def from_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a file -> the facts in them; none of a file that is not said to be this project's."""
    first, *said = tags.get("comment", "").split("; ")
    if first != SYNTHETIC:
        return {}
    pairs = (fact.partition("=") for fact in said)
    return {unquote(name): unquote(value) for name, equals, value in pairs if equals}


def software() -> str:
    """This project and its version."""
    try:
        return f"lfsc-tts {version('lfsc-tts')}"
    except PackageNotFoundError:  # a clone that is not installed
        return "lfsc-tts"
