"""Ranges of numbers that a dataclass states in the types of its fields, such as Annotated[float, Gt(0)].

Bounds are those of the library annotated-types. They are read by their attributes, so that nothing here needs it.
"""

import math
import operator
import types
from typing import Annotated, Any, Union, get_args, get_origin

UNIONS = (Union, types.UnionType)
COMPARED = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}
WORDS = {"gt": "more than {}", "ge": "{} or more", "lt": "less than {}", "le": "at most {}"}


def missed(hint: Any, value: Any) -> str:
    """In words, the range that the type `hint` states and that a value of it is not in; empty where nothing is wrong.

    A number whose type has a range is finite. In a tuple each item has its own.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in UNIONS:
        return "" if value is None else missed(inner[0], value)
    if origin is tuple:
        hints = inner if inner[-1] is not ... else inner[:1] * len(value)
        found = [words for one, item in zip(hints, value, strict=True) if (words := missed(one, item))]
        return f"{found[0]}, each" if found else ""
    if origin is not Annotated:
        return ""
    bounds = bounds_of(hint)
    inside = -math.inf < value < math.inf and all(COMPARED[name](value, bound) for name, bound in bounds.items())
    return "" if inside else described(bounds)


def bounds_of(hint: Any) -> dict[str, Any]:
    """The bounds of an annotated type: gt, ge, lt, le."""
    found = {name: getattr(one, name, None) for one in hint.__metadata__ for name in COMPARED if hasattr(one, name)}
    return {name: bound for name, bound in found.items() if bound is not None}


def described(bounds: dict[str, Any]) -> str:
    """Bounds in words."""
    if bounds.keys() == {"ge", "le"}:
        return f"{bounds['ge']} to {bounds['le']}"
    return " and ".join(WORDS[name].format(bound) for name, bound in bounds.items()) or "a finite number"
