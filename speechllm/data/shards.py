"""Code shards: what the LM trains on, in safetensors files that are memory-mapped and hold no code.

A shard concatenates its utterances: `codes` int16 [sum T, K], `ids` int16 [sum S], and for each the offsets
int64 [n + 1]. Its header holds the CodeSpec, the tokenizer's fingerprint and the utterances' names. A file beside it,
`NAME.positions`, says for every frame which token is being read; pipelines/align_corpus.py writes it.
"""

import glob
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from speechllm.config import CodeSpec
from speechllm.data.names import Names, first_of_two


@dataclass(frozen=True)
class Example:
    """One utterance: text ids int64 [S], codes int64 [T, K], positions int64 [T] (None before alignment)."""

    name: str
    ids: Tensor
    codes: Tensor
    positions: Tensor | None = None


def write_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """Write a safetensors file, whole or not at all; the same tensors and header give the same bytes."""
    temporary = path.with_name(f".{path.name}.partial")
    data = save(tensors, metadata=header)
    size = int.from_bytes(data[:8], "little")
    # The library keeps a header in a hash table, whose order is another one in each file.
    ordered = json.dumps(json.loads(data[8 : 8 + size]), sort_keys=True).encode()
    ordered += b" " * (-len(ordered) % 8)
    temporary.write_bytes(len(ordered).to_bytes(8, "little") + ordered + data[8 + size :])
    temporary.replace(path)


def check_range(parts: Iterable[Tensor], names: Iterable[str], what: str, end: int) -> None:
    """Raise ValueError where an utterance has other numbers than 0 .. end - 1."""
    for name, part in zip(names, parts, strict=False):
        if len(part) and not 0 <= int(part.min()) <= int(part.max()) < end:
            raise ValueError(f"{name}: got {what} in {int(part.min())}..{int(part.max())}; expected 0..{end - 1}")


def as_int16(parts: list[Tensor], names: Iterable[str], what: str, end: int, empty: Tensor | None = None) -> Tensor:
    """Whole numbers in 0 .. end - 1 of each utterance, joined, of none `empty`; ValueError for others."""
    check_range(parts, names, what, min(end, 2**15))
    joined = torch.cat(parts) if parts else torch.zeros(0) if empty is None else empty
    return joined.to(torch.int16).contiguous()


def offsets(parts: Iterable[Tensor]) -> Tensor:
    """Start of each part and the end of the last, int64 [n + 1]."""
    lengths = [0, *(len(part) for part in parts)]
    return torch.tensor(lengths).cumsum(0)


def write_shard(
    path: Path,
    examples: list[Example],
    spec: CodeSpec,
    tokenizer_fingerprint: str,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a shard; `path` ends in .safetensors. `notes` are kept with it, for whoever made it.

    Raises:
        ValueError: codes that are none of `spec`, or ids that int16 does not hold; nothing is written.
    """
    ids, codes, names = [e.ids for e in examples], [e.codes for e in examples], [e.name for e in examples]
    empty = torch.zeros(0, spec.num_codebooks)
    tensors = {
        "codes": as_int16(codes, names, "codes", math.prod(spec.levels), empty),
        "ids": as_int16(ids, names, "text ids", 2**15),
        "code_offsets": offsets(codes),
        "id_offsets": offsets(ids),
    }
    header = {
        "spec": json.dumps(asdict(spec)),
        "tokenizer": tokenizer_fingerprint,
        "names": json.dumps(names),
        "content": content_hash(names, tensors),
        "notes": json.dumps(dict(notes or {})),
    }
    write_tensors(path, tensors, header)


def hash_of(parts: Iterable[str | Tensor]) -> str:
    """SHA-256 of texts and tensors in their order, 16 hex digits."""
    digest = hashlib.sha256()
    for part in parts:
        text = part if isinstance(part, str) else f"{part.dtype} {tuple(part.shape)}"
        digest.update(f"{len(text)} {text}".encode())
        if isinstance(part, Tensor):
            digest.update(part.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def content_hash(names: Iterable[str], tensors: dict[str, Tensor]) -> str:
    """Hash of utterances: their names, ids and codes."""
    return hash_of([*names, *(tensors[name] for name in sorted(tensors))])


class Shard:
    """A shard opened for reading; len() and indexing by utterance.

    Args:
        path: of the .safetensors file.
        aligned: whether to read the alignment too, where there is one.

    Attributes:
        spec, tokenizer_fingerprint: of the codec and the tokenizer it was made with.
        names: of the utterances.
        corpus: hash of all that is in it.
        positions: alignment int16 [sum T]; None before there is one.

    Raises:
        ValueError: not a shard, or made for another codec or tokenizer than expected.
    """

    def __init__(self, path: Path, aligned: bool = True):
        self.path = path
        try:
            with safe_open(path, "pt") as file:
                header = file.metadata() or {}
                self.tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            self.spec = CodeSpec(**json.loads(header["spec"]))
            self.tokenizer_fingerprint = header["tokenizer"]
            self.names = Names(json.loads(header["names"]))
        except (SafetensorError, KeyError, json.JSONDecodeError, TypeError) as error:
            raise ValueError(f"{path} is not a code shard ({error}); make shards with encode_corpus.py") from error
        self.corpus: str = header.get("content") or content_hash(self.names, self.tensors)
        self.positions = self.read_positions() if aligned else None

    @property
    def notes(self) -> dict[str, str]:
        """What its maker keeps with it; read anew, as it may be long, and training has no use for it."""
        with safe_open(self.path, "pt") as file:
            notes: dict[str, str] = json.loads((file.metadata() or {}).get("notes", "{}"))
        return notes

    def read_positions(self) -> Tensor | None:
        """The alignment, int16 [sum T]; None before there is one.

        Raises:
            ValueError: there is one, of other codes or damaged.
        """
        if not self.positions_path.is_file():
            return None
        try:
            with safe_open(self.positions_path, "pt") as file:
                positions: Tensor = file.get_tensor("positions")
                made_for = (file.metadata() or {}).get("shard", self.corpus)  # older ones do not say
        except SafetensorError as error:
            raise ValueError(
                f"{self.positions_path} is not an alignment ({error}); run align_corpus.py again"
            ) from error
        if len(positions) != len(self.tensors["codes"]) or made_for != self.corpus:
            raise ValueError(f"{self.positions_path} belongs to another shard, or an older one; run align_corpus.py")
        return positions

    @property
    def positions_path(self) -> Path:
        """Where the alignment of this shard is or will be."""
        return self.path.with_suffix(".positions")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Example:
        s, e = self.tensors["id_offsets"][index : index + 2].tolist()
        a, b = self.tensors["code_offsets"][index : index + 2].tolist()
        positions = None if self.positions is None else self.positions[a:b].long()
        return Example(self.names[index], self.tensors["ids"][s:e].long(), self.tensors["codes"][a:b].long(), positions)

    def write_positions(self, positions: list[Tensor]) -> None:
        """Store the alignment of all utterances, int64 [T] each; ValueError for positions that int16 does not hold."""
        joined = as_int16(positions, self.names, "positions", 2**15)
        write_tensors(self.positions_path, {"positions": joined}, {"shard": self.corpus})


def open_shards(folder: Path, aligned: bool = True) -> list[Shard]:
    """All shards of a folder, and of folders in it or linked there, that hold utterances; they must agree on codec and
    tokenizer, and share no utterance. Names with a dot in front are of files that are still being written.

    Raises:
        ValueError: they do not, or there are none.
    """
    # Path.rglob would pass over linked folders without a word.
    paths = sorted(folder / name for name in glob.glob("**/*.safetensors", root_dir=folder, recursive=True))
    shards = [shard for path in paths if len(shard := Shard(path, aligned))]
    if not shards:
        raise ValueError(f"{folder} holds no shards; make them with encode_corpus.py")
    twice = first_of_two([shard.names for shard in shards])
    if twice:
        one, other, name = twice
        raise ValueError(
            f"utterance {name} is in {shards[one].path} and {shards[other].path}; remove one of the shards"
        )
    for shard in shards[1:]:
        for key in ("spec", "tokenizer_fingerprint"):
            if getattr(shard, key) != getattr(shards[0], key):
                raise ValueError(
                    f"{shard.path} and {shards[0].path} differ in {key}: "
                    f"{getattr(shard, key)} and {getattr(shards[0], key)}; encode the corpus again"
                )
    return shards


def identity(shards: list[Shard]) -> dict[str, str]:
    """What a model trained on these shards depends on, as hashes: `codec` and its geometry `codes`, `tokenizer`,
    `corpus` (names, ids and codes of all utterances in their order), `alignment` (empty without one).
    """
    spec = asdict(shards[0].spec)
    aligned = [shard.positions for shard in shards if shard.positions is not None]
    return {
        "codec": spec.pop("codec_fingerprint"),
        "codes": json.dumps(spec),
        "tokenizer": shards[0].tokenizer_fingerprint,
        "corpus": hash_of(shard.corpus for shard in shards),
        "alignment": hash_of(aligned) if aligned else "",
    }
