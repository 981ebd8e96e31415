"""Several manifests as one, without some speakers or with few alone, with others at its head."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pipelines.corpus import manifest
from pipelines.corpus.manifest import Utterance
from pipelines.shared.errors import UserError


def members(speaker: str) -> set[str]:
    """Who is heard in a speaker's name: of a blend `a+b@0.4` both a and b."""
    return set(speaker.partition("@")[0].split("+"))


def join(
    paths: Sequence[Path],
    out: Path,
    exclude: Collection[str] = (),
    first: Collection[str] = (),
    only: Collection[str] = (),
    each: int = 0,
) -> list[Utterance]:
    """Utterances of several manifests, for one that will be written to `out`.

    Args:
        paths: manifests in folders of different names; these stand before the ids, which may repeat between corpora.
        out: audio paths become relative to its folder.
        exclude: speakers to leave out, and every blend with one of them.
        first: speakers, and blends with them, that are moved to the head, where validation takes its utterances from.
        only: speakers whose utterances are kept, without blends; none = all that are not excluded.
        each: the most utterances of a speaker, the first ones; 0 = all.

    Raises:
        UserError: two folders of one name, a speaker nobody is, or nothing left.
    """
    names = [path.resolve().parent.name for path in paths]
    if len(set(names)) < len(names):
        raise UserError(f"got manifests in folders called {', '.join(names)}; expected different names, for the ids")
    found = [
        replace(one, id=f"{name}-{one.id}", audio=manifest.relative(path.parent / one.audio, out))
        for name, path in zip(names, paths, strict=True)
        for one in manifest.read(path)
    ]
    known = {member for one in found for member in members(one.speaker)}
    unknown = sorted({*exclude, *first, *only} - known)
    if unknown:
        raise UserError(f"no speaker is called {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    kept = [one for one in found if members(one.speaker).isdisjoint(exclude) and (not only or one.speaker in only)]
    if not kept:
        raise UserError("every speaker is excluded; leave some")
    kept = list(first_of_each(kept, each)) if each else kept
    return sorted(kept, key=lambda one: members(one.speaker).isdisjoint(first))  # stable: the rest keeps its order


def first_of_each(utterances: Iterable[Utterance], most: int) -> Iterator[Utterance]:
    """The first utterances of each speaker, in the order they come in."""
    counts: Counter[str] = Counter()
    for one in utterances:
        counts[one.speaker] += 1
        if counts[one.speaker] <= most:
            yield one
