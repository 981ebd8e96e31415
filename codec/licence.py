"""Licence: the terms of a set of weights."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Licence:
    """Terms of a set of weights. `commercial` is None where nobody has said."""

    name: str
    commercial: bool | None
    url: str = ""
    source: str = ""  # where the weights come from, such as a hub id with its revision

    def to_dict(self) -> dict[str, Any]:
        """Plain mapping, for config.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "Licence":
        """Inverse of to_dict.

        Raises:
            ValueError: not what to_dict writes.
        """
        try:
            licence = cls(**values)
        except TypeError:
            raise ValueError(f"got licence {values!r}; expected name, commercial, url and source") from None
        if licence.commercial not in (True, False, None) or not isinstance(licence.name, str):
            raise ValueError(f"got licence {values!r}; expected a name, and commercial true, false or null")
        return licence

    def __str__(self) -> str:
        use = {True: "commercial use allowed", False: "non-commercial use only", None: "terms of use not stated"}
        return f"{self.name} ({use[self.commercial]}{', ' + self.url if self.url else ''})"
