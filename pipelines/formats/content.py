"""What a shard of codes says, whatever its format."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from speechllm import CodeSpec
from speechllm.data.shards import Example, check_range


@dataclass(frozen=True)
class Content:
    """Utterances with all that is known of them, in their order; ValueError for codes that `spec` does not have."""

    spec: CodeSpec
    tokenizer: str  # fingerprint
    examples: Sequence[Example]
    texts: Sequence[str]
    speakers: Sequence[str]
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.examples) == len(self.texts) == len(self.speakers):
            counts = f"{len(self.examples)} utterances, {len(self.texts)} texts, {len(self.speakers)} speakers"
            raise ValueError(f"got {counts}; expected as many of each")
        codes, names = [one.codes for one in self.examples], [one.name for one in self.examples]
        check_range(codes, names, "codes", math.prod(self.spec.levels))
