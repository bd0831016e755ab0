"""What all sections of a configuration have in common: strictness, and sweeps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

LARGEST_N = 1000
"""Bounds a sweep given as a range; no device comes near it."""

_RANGE = re.compile(r"^\s*(\d{1,6})\s*\.\.\s*(\d{1,6})\s*$")

KeyPath = tuple[str | int, ...]
"""Keys and list indices that lead to a value of a section."""

Problems = Iterator[tuple[KeyPath, str]]
"""What is wrong: the path of the value, and what would be right."""


class Section(BaseModel):
    """A part of a configuration: strict, and no key is ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def as_sweep(value: Any) -> Any:
    """One value, a list, or a range written ``2..15`` (both ends included), as a list."""
    if isinstance(value, str) and (found := _RANGE.match(value)):
        first, last = int(found[1]), int(found[2])
        if not first <= last <= LARGEST_N:
            raise PydanticCustomError(
                "range",
                "a range runs upwards and to at most {limit}, such as 2..15",
                {"limit": LARGEST_N},
            )
        return list(range(first, last + 1))
    return value if isinstance(value, list) else [value]


T = TypeVar("T")
Swept = Annotated[list[T], Field(min_length=1), BeforeValidator(as_sweep)]
"""One value or several; several are a sweep."""


def value_problems(path: KeyPath, values: Sequence[T], build: Callable[[T], object]) -> Problems:
    """Values of one sweep for which no point can be made.

    Args:
        path: of the sweep, below its section.
        values: the sweep.
        build: makes the points of a value; raises ValueError where there are none.
    """
    for index, value in enumerate(values):
        try:
            build(value)
        except ValueError as error:
            yield (*path, index), str(error)
