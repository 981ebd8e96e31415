"""A voice as each of its speakers."""

from dataclasses import replace
from typing import Any

from pipelines.speaking.speakers import choose, read_speakers
from pipelines.speaking.synthesis import TTS


def people(name: str, **options: Any) -> dict[str, TTS]:
    """The speakers of a voice by name, with the same networks; the one speaker of a voice of one is called "".

    Args:
        name: of a voice, a folder, or a speaker or blend, who is then alone; see speakers.choose.
        options: of TTS.from_pretrained.

    Raises:
        UserError: no such voice or speaker, or it is broken.
    """
    chosen, tts = choose(name), TTS.from_pretrained(name, **options)
    speakers = read_speakers(chosen.folder)
    if speakers is None:
        return {"": tts}
    names = [chosen.speaker] if chosen.speaker else list(speakers.known)
    voices = (replace(tts.voice, prefix=speakers.prefix(one, tts.voice), speaker=one) for one in names)
    return {voice.speaker: tts.sharing(voice) for voice in voices}
