"""Who can speak here, by the names that clients send. A name from a request is looked up, never opened.

Each voice's networks are loaded once; speakers and blends of them differ by a prefix, of which the latest are kept.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from codec.runtime.folder import has_graphs as codec_has_graphs
from pipelines.shared.errors import UserError
from pipelines.speaking.card import find_voice
from pipelines.speaking.speakers import Blend, Speakers, described, read_speakers, shipped
from pipelines.speaking.synthesis import TTS
from pipelines.speaking.voice import PROMPTED
from speechllm.runtime.lm import has_graphs
from speechllm.text.lexicon import Lexicon

OPENAI = {  # its voices -> whom they are nearest to in name or pitch; where there is nobody so called, somebody else
    "alloy": "af_alloy",
    "ash": "am_adam",
    "ballad": "bm_lewis",
    "coral": "af_bella",
    "echo": "am_echo",
    "fable": "bm_fable",
    "onyx": "am_onyx",
    "nova": "af_nova",
    "sage": "af_sarah",
    "shimmer": "af_sky",
    "verse": "am_liam",
    "marin": "af_heart",
    "cedar": "am_michael",
}
DEFAULT = "heart"  # as on the command line
KEPT = 64  # prefixes


class Who(NamedTuple):
    """A voice that is loaded, and who speaks in it."""

    voice: str
    speaker: str | None = None  # a name or a blend; None = the voice's own choice


class Voices:
    """All of them.

    Args:
        names: of shipped voices, or folders; the first is the one that speaks if nobody is named.
        tries: of a sentence, see TTS.

    Raises:
        UserError: no such voice, or one that cannot be loaded.
    """

    def __init__(self, names: Sequence[str], tries: int = 1):
        self.tries = tries
        self.loaded: dict[str, TTS] = {}
        self.speakers: dict[str, Speakers] = {}
        self.people: dict[str, Who] = {}
        self.facts: dict[str, Mapping[str, Any]] = {}
        self.prefixes: OrderedDict[Who, TTS] = OrderedDict()
        self.lock = threading.Lock()
        for name in names:
            self.load(name)
        if not self.loaded:
            raise UserError("no voice speaks without torch here; expected --voice NAME or FOLDER of one with graphs")
        self.aliases = self.nearest()

    def load(self, name: str) -> None:
        """Load one voice, and note who speaks in it."""
        folder = find_voice(name)
        tts = TTS.from_pretrained(name, engine="onnx", tries=self.tries, threads=1)
        tts.frontend.load()
        if folder.name in self.loaded:
            raise UserError(f"two voices are called {folder.name}; rename a folder")
        self.loaded[folder.name] = tts
        self.people[folder.name] = Who(folder.name)
        found = read_speakers(folder, tts.voice.card.get("speaker"))
        if found:
            self.speakers[folder.name] = found
            for person in found.known:
                self.people.setdefault(person, Who(folder.name, person))
            self.facts |= described(folder)

    def nearest(self) -> dict[str, str]:
        """OpenAI's names -> names of people here."""
        people = [name for name, who in self.people.items() if who.speaker] or list(self.people)
        found = {alias: wanted if wanted in self.people else "" for alias, wanted in OPENAI.items()}
        return {alias: name or people[i % len(people)] for i, (alias, name) in enumerate(found.items())}

    @property
    def default(self) -> Who:
        """Who speaks if nobody is named."""
        return Who(next(iter(self.loaded)))

    def find(self, name: str) -> Who:
        """Who is meant: a voice, a person, an alias, `VOICE:PERSON`, or a blend of two of one voice.

        Raises:
            UserError: nobody is called so; the message lists who there is.
        """
        name = self.aliases.get(name, name) if name not in self.people else name
        if name in self.people:
            return self.people[name]
        voice, _, speaker = name.rpartition(":")
        try:
            blend = Blend.parse(speaker)
            pair = {blend.first, blend.second}
        except UserError as error:
            raise self.unknown(name) if not {"+", "@"} & set(name) else error from None
        for owner, table in self.speakers.items():
            if voice in ("", owner) and pair <= set(table.known):
                # Written out anew: what a client wrote goes into headers and tags.
                one = blend.first == blend.second
                return Who(owner, blend.first if one else f"{blend.first}+{blend.second}@{blend.share:g}")
        raise self.unknown(name)

    def unknown(self, name: str) -> UserError:
        """Nobody is called so."""
        known = ", ".join([*self.people, *self.aliases])
        return UserError(f"no voice {name[:60]!r}; expected one of: {known}; or a blend of two of one voice, a+b@0.4")

    def takes_prompts(self, voice: str) -> bool:
        """Whether a voice speaks as whoever is heard in a recording."""
        return bool(self.loaded[voice].voice.lm.config.prefix_positions)

    def prompted(self, who: Who | None) -> Who:
        """Who speaks if a recording is sent: in the voice of whoever was named beside it, or the first that can.

        Raises:
            UserError: that voice has one speaker.
        """
        able = [name for name in self.loaded if self.takes_prompts(name)]
        wanted = who.voice if who else (able or list(self.loaded))[0]
        if wanted not in able:
            known = f"name one of: {', '.join(able)}" if able else "no voice of this server takes one"
            raise UserError(f"the voice {wanted} has one speaker and takes no prompt; {known}")
        return Who(wanted, PROMPTED)

    def speaking(self, who: Who, words: Lexicon | None = None) -> TTS:
        """What speaks as somebody; for the engine's threads, as a prefix takes milliseconds."""
        tts = self.prefixed(who)
        return tts.sharing(words=words) if words else tts

    def check(self, who: Who, words: Lexicon) -> None:
        """Raise ValueError for a sound that a voice lacks."""
        words.check(self.loaded[who.voice].frontend.tokenizer.characters)  # type: ignore[attr-defined]

    def prefixed(self, who: Who) -> TTS:
        """With the prefix of a speaker."""
        tts = self.loaded[who.voice]
        if who.speaker is None:
            return tts
        with self.lock:
            if who not in self.prefixes:
                prefix = self.speakers[who.voice].prefix(who.speaker, tts.voice)
                self.prefixes[who] = tts.sharing(replace(tts.voice, prefix=prefix, speaker=who.speaker))
            self.prefixes.move_to_end(who)
            while len(self.prefixes) > KEPT:
                self.prefixes.popitem(last=False)
            return self.prefixes[who]

    def rows(self) -> list[dict[str, Any]]:
        """All names with what is known of them, as clients list them."""
        own = [{**self.row(name, who.voice), **self.facts.get(name, {})} for name, who in self.people.items()]
        aliases = [
            {**self.row(alias, self.people[name].voice), "alias_of": name}
            for alias, name in self.aliases.items()
            if alias not in self.people
        ]
        return own + aliases

    def row(self, name: str, voice: str) -> dict[str, Any]:
        """What every name has."""
        return {"id": name, "name": name, "voice": voice, "accepts_prompt": self.takes_prompts(voice)}


def without_torch() -> list[str]:
    """The shipped voices that have graphs, the one that `say` takes first."""
    ready = [f.name for f in shipped() if has_graphs(f / "lm") and codec_has_graphs(f / "codec")]
    return sorted(ready, key=lambda name: (name != DEFAULT, name))
