"""NeMo's English number grammars, run by kaldifst: "3/4/2021" -> "march fourth twenty twenty one".

Three transducers over the bytes of UTF-8, each read as the shortest path through its composition with a text:

1. classify: "3/4/2021" -> `tokens { date { month: "march" day: "four" year: "twenty twenty one" } }`;
2. verbalize: one such token -> words; it knows one order of the fields, so every order is tried;
3. punctuate: spaces around punctuation.

grammars/ holds them, compiled from nemo_text_processing (Apache-2.0) by pipelines/build_grammars.py. The readings are
those of its `Normalizer(input_case="cased", lang="en").normalize`.
"""

import re
from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path
from typing import TypeAlias

import kaldifst

GRAMMARS = Path(__file__).parent / "grammars"
CLASSIFY, VERBALIZE, PUNCTUATE = (f"{name}.fst" for name in ("classify", "verbalize", "punctuate"))

# A value is as written, quotes included: '"march"', or 'true'. Fields that hold fields: date { month: "march" }.
Fields: TypeAlias = "dict[str, str | Fields]"
# A quotation mark ends a value where a space follows; others belong to it.
FIELD = re.compile(r'(?P<name>[A-Za-z_]+) *(?:: *(?P<value>".*?"(?= )|true)|\{)|\}', re.DOTALL)


class Grammar:
    """Reads written forms. Safe to share between threads."""

    def __init__(self, folder: Path = GRAMMARS):
        """
        Args:
            folder: holds classify.fst, verbalize.fst and punctuate.fst.
        """
        self._classify = kaldifst.TextNormalizer(str(folder / CLASSIFY))
        self._verbalize = kaldifst.TextNormalizer(str(folder / VERBALIZE))
        self._punctuate = kaldifst.StdConstFst.read(str(folder / PUNCTUATE))

    def read(self, text: str) -> str:
        """Spoken form of `text`, without the spaces around it; `text` itself where the grammar has no reading."""
        text = text.strip()
        spoken = [self._words(token) for token in parse(self._classify(text))]
        if not spoken or "" in spoken:
            return text
        return self._spaced(re.sub(" {2,}", " ", " ".join(spoken)).strip())

    def _words(self, token: Fields) -> str:
        """The first order of fields that has a reading; empty where none has."""
        return next(filter(None, map(self._verbalize, orders(token))), "")

    def _spaced(self, text: str) -> str:
        """Which of several shortest paths is taken is NeMo's choice: that of an acceptor without epsilons."""
        letters = kaldifst.make_linear_acceptor(list(text.encode()))
        lattice = _output_side(kaldifst.StdVectorFst(kaldifst.compose(letters, self._punctuate)))
        kaldifst.rmepsilon(lattice)
        _, _, best, _ = kaldifst.get_linear_symbol_sequence(kaldifst.shortest_path(lattice))
        return bytes(best).decode() or text


def parse(tags: str) -> list[Fields]:
    """The tokens of a classified text; of two fields with one name, a token keeps the later value.

    >>> parse('tokens { name: "on" } tokens { date { month: "may" day: "five" } } ')
    [{'tokens': {'name': '"on"'}}, {'tokens': {'date': {'month': '"may"', 'day': '"five"'}}}]
    """
    return [{name: value} for name, value in _fields(FIELD.finditer(tags))]


def _fields(marks: Iterator[re.Match[str]]) -> list[tuple[str, "str | Fields"]]:
    """All fields up to the bracket that closes them."""
    fields: list[tuple[str, str | Fields]] = []
    for mark in marks:
        if mark[0] == "}":
            break
        fields.append((mark["name"], mark["value"] or dict(_fields(marks))))
    return fields


def orders(fields: Fields) -> Iterator[str]:
    """The fields in every order, written as the verbaliser reads them; in one where they say `preserve_order`."""
    written = {
        name: [f"{name}: {value} "]
        if isinstance(value, str)
        else [f" {name} {{ {inner} }} " for inner in orders(value)]
        for name, value in fields.items()
    }
    for names in [tuple(fields)] if "preserve_order" in fields else permutations(fields):
        yield from map("".join, product(*(written[name] for name in names)))


def _output_side(transducer: kaldifst.StdVectorFst) -> kaldifst.StdVectorFst:
    """The acceptor of what a transducer writes."""
    acceptor = kaldifst.StdVectorFst()
    for _ in range(transducer.num_states):
        acceptor.add_state()
    acceptor.start = transducer.start
    for state in range(transducer.num_states):
        acceptor.set_final(state, transducer.final(state))
        for arc in kaldifst.ArcIterator(transducer, state):
            acceptor.add_arc(state, kaldifst.StdArc(arc.olabel, arc.olabel, arc.weight, arc.nextstate))
    return acceptor
