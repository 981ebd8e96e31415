"""What derived files were made from, so that a later run knows whether they still are what it would make.

A recording counts as unchanged while its size and its time of change are; where these differ its contents decide, so a
corpus that was copied or touched is no other one.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from pipelines.corpus.manifest import Utterance


@dataclass(frozen=True)
class Source:
    """One utterance as it was read."""

    text: str  # hash of text and phonemes; empty where they do not matter
    size: int  # bytes of the recording; -1 if there is none
    mtime_ns: int  # when the file changed, as the file system says
    audio: str  # hash of its bytes

    def other(self, new: "Source") -> str:
        """What is another in `new`; empty if nothing is."""
        if self.text != new.text:
            return "another text"
        if new.size < 0 <= self.size:
            return "no recording any more"
        return "another recording" if (self.size, self.audio) != (new.size, new.audio) else ""


Sources = dict[str, Source]


def short_hash(content: bytes) -> str:
    """SHA-256, 16 hex digits."""
    return hashlib.sha256(content).hexdigest()[:16]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file of any size."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            found.update(block)
    return found.hexdigest()


def hash_of_file(path: Path) -> str:
    """SHA-256, 16 hex digits, of a file that may be large."""
    return sha256_of(path)[:16]


def sources_of(
    utterances: Sequence[Utterance], folder: Path, known: Mapping[str, Source], with_text: bool = True
) -> Sources:
    """Sources by the ids of utterances of a manifest in `folder`; what is `known` saves reading recordings again."""
    found = {}
    for one in utterances:
        text = short_hash(json.dumps([one.text, one.phonemes]).encode()) if with_text else ""
        try:
            stat = (folder / one.audio).stat()
            old = known.get(one.id)
            if old and (old.size, old.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
                found[one.id] = Source(text, old.size, old.mtime_ns, old.audio)
            else:
                audio = hash_of_file(folder / one.audio)
                found[one.id] = Source(text, stat.st_size, stat.st_mtime_ns, audio)
        except OSError:
            found[one.id] = Source(text, -1, 0, "")
    return found


def to_json(sources: Sources) -> str:
    """Sources as text, for a header."""
    return json.dumps({name: astuple(source) for name, source in sources.items()})


def from_json(text: str) -> Sources:
    """Sources out of a header."""
    return {name: Source(*values) for name, values in json.loads(text).items()}


def changes(old: Sources, good: Collection[str], new: Sources) -> list[str]:
    """What became of the utterances of which something was derived, those that are `good`, in words."""
    found = [
        f"utterance {name} {f'has {old[name].other(new[name])}' if name in new else 'is gone'}"
        for name in old
        if name in good and (name not in new or old[name].other(new[name]))
    ]
    both = [name for name in new if name in old and name in good]
    if not found and both != [name for name in old if name in good]:
        found.append("its utterances have another order")
    return found


def unchanged(old: Sources, new: Sources) -> set[str]:
    """Ids of utterances that are as they were."""
    return {name for name in old if name in new and not old[name].other(new[name])}
