"""How a text is taken and spoken, beside what its voice decides: speed, pauses, markup."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from codec.audio.time_stretch import check_speed
from pipelines.shared.errors import UserError
from speechllm.text.ssml import parse_duration

# Silence that is added to the voice's own rest, which is about 0.2 s after a sentence and 0 to 0.15 s at a dash.
PAUSES_S = {"sentence": 0.0, "paragraph": 0.5, "heading": 0.6, "item": 0.25, "dash": 0.1}
MARKUP = ("strip", "keep")


@dataclass(frozen=True)
class Manner:
    """Raises UserError for what cannot be done.

    Args:
        speed: 0.5 to 2; the pitch stays.
        pauses: seconds of silence by kind, of PAUSES_S; those not given are as there.
        markup: strip takes Markdown and HTML out of a text, keep reads it as it stands.
        ssml: the text is SSML.
        watermark: the audio gets the mark that `lfsc-tts detect` finds; see docs/marking.md.
    """

    speed: float = 1.0
    pauses: Mapping[str, float] = field(default_factory=dict)
    markup: str = "strip"
    ssml: bool = False
    watermark: bool = True

    def __post_init__(self) -> None:
        try:
            check_speed(self.speed)
        except ValueError as error:
            raise UserError(str(error)) from None
        for kind, pause_s in self.pauses.items():
            if kind not in PAUSES_S:
                raise UserError(f"got a pause of the kind {kind!r}; expected one of: {', '.join(PAUSES_S)}")
            if not 0 <= pause_s <= 60:
                raise UserError(f"got a pause of {pause_s:g} s; expected 0 to 60 s")
        if self.markup not in MARKUP:
            raise UserError(f"got markup {self.markup!r}; expected one of: {', '.join(MARKUP)}")

    def pause_s(self, kind: str) -> float:
        """Seconds of a kind of pause."""
        return self.pauses.get(kind, PAUSES_S[kind])


def split_options(options: Mapping[str, Any]) -> tuple[Manner, dict[str, Any]]:
    """Options of speaking -> those of this file, and the rest, which are of sampling."""
    own = {each.name for each in fields(Manner)}
    manner = Manner(**{name: value for name, value in options.items() if name in own})
    return manner, {name: value for name, value in options.items() if name not in own}


def parse_pauses(given: list[str]) -> dict[str, float]:
    """paragraph=600ms ... -> seconds by kind.

    Raises:
        UserError: something else.
    """
    pauses = {}
    for pair in given:
        kind, equals, duration = pair.partition("=")
        try:
            pauses[kind] = parse_duration(duration)
        except ValueError:
            raise UserError(f"got --pause {pair}; expected KIND=TIME such as paragraph=600ms") from None
    return pauses
