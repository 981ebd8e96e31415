"""Numbers of settings by their ranges, which whoever reads settings from a file or a command line checks."""

from typing import Annotated, TypeAlias

from annotated_types import Ge, Gt, Interval

Positive: TypeAlias = Annotated[float, Gt(0)]
NotNegative: TypeAlias = Annotated[float, Ge(0)]
Share: TypeAlias = Annotated[float, Interval(ge=0, le=1)]
PositiveShare: TypeAlias = Annotated[float, Interval(gt=0, le=1)]
Decay: TypeAlias = Annotated[float, Interval(ge=0, lt=1)]  # of a running mean; 0 = none
Count: TypeAlias = Annotated[int, Ge(0)]
AtLeastOne: TypeAlias = Annotated[int, Ge(1)]
Seed: TypeAlias = Annotated[int, Interval(ge=0, lt=2**63)]
