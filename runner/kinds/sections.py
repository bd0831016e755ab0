"""What sections of a configuration have in common: strictness, sweeps, what is decrypted."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from experiments.gates import require_clone, require_signals
from experiments.point import Point
from experiments.protocol import Strategy

LARGEST_N = 1000
"""Bounds a sweep given as a range; no device comes near it."""

_RANGE = re.compile(r"^\s*(\d{1,6})\s*\.\.\s*(\d{1,6})\s*$")

Path = tuple[str | int, ...]
Problems = Iterator[tuple[Path, str]]
"""What is wrong, each with its place below ``experiment``."""


def _sweep(value: Any) -> Any:
    """One value, a list, or a range written ``2..15`` (both ends included)."""
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
Swept = Annotated[list[T], Field(min_length=1), BeforeValidator(_sweep)]
"""One value or several; each is a sweep."""


class Section(BaseModel):
    """A part of a configuration: strict, and no key is ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _clones(value: Any) -> Any:
    return value if value == "all" else _sweep(value)


AUTO: Literal["auto"] = "auto"
"""Stands for the strategy with the best prediction, for each point of the sweep by itself."""

_STAND_IN: Strategy = "unitary"
"""What every experiment with a clone can do."""


class ChosenStrategy(Section):
    """What ``auto`` chose for one point, and from what.

    Attributes:
        point: label of the point.
        strategy: the strategy that it got.
        predicted: predicted value of each candidate.
        left_out: why a strategy was no candidate.
    """

    point: str
    strategy: Strategy
    predicted: dict[Strategy, float]
    left_out: dict[Strategy, str] = {}


class DecryptConfig(Section):
    """Which clone is decrypted (``all``: each in turn), and how.

    ``chosen`` says what ``auto`` came to, point by point; a plan writes it, and where it stands
    nothing is chosen anew.
    """

    clone: Annotated[list[int] | Literal["all"], BeforeValidator(_clones)] = [1]
    strategy: Swept[Literal[Strategy, "auto"]] = ["unitary"]
    chosen: list[ChosenStrategy] | None = None

    @property
    def strategies(self) -> list[Strategy]:
        """The strategies, the first candidate standing in for ``auto``."""
        return [_STAND_IN if one == AUTO else one for one in self.strategy]


class ExperimentSection(Section, ABC):
    """What all kinds have in common: besides this, a kind and what is decrypted."""

    @abstractmethod
    def points(self, seed: int) -> Sequence[Point]:
        """The points of the sweep; ``seed`` is the run's.

        Raises:
            ValueError: if there is no such experiment.
        """

    def choices(self) -> list[ChosenStrategy]:
        """What ``auto`` came to, for the first points of the sweep; empty where nothing is open."""
        decrypt: DecryptConfig | None = getattr(self, "decrypt", None)
        return (decrypt.chosen if decrypt else None) or []

    def with_decryption(self, **changes: object) -> Self:
        """The same section with its clones decrypted otherwise.

        Args:
            **changes: fields of :class:`DecryptConfig`.
        """
        decrypt: DecryptConfig | None = getattr(self, "decrypt", None)
        if decrypt is None:
            return self
        return self.model_copy(update={"decrypt": decrypt.model_copy(update=changes)})

    @abstractmethod
    def problems(self) -> Problems:
        """What is well-formed but is no experiment."""

    def paired_keys(self) -> tuple[str, ...]:
        """Lists that go with another list value by value, so that values may come twice."""
        return ()

    @abstractmethod
    def sizes(self) -> tuple[str, Sequence[object], Callable[[int], int] | None]:
        """The key that decides how many qubits are needed, its values, and qubits for a value.

        None instead of the last if a value is no number.
        """


def cloning_qubits(n: int) -> int:
    """R, A, n signals and n noise qubits."""
    return 2 * n + 2


def signal_problems(sizes: Sequence[int], clones: Sequence[int] | Literal["all"]) -> Problems:
    """Numbers of signal qubits and clones that the protocol does not have."""
    sound = []
    for index, n in enumerate(sizes):
        try:
            require_signals(n)
        except ValueError as error:
            yield ("n", index), str(error)
        else:
            sound.append(n)
    for index, clone in enumerate(() if clones == "all" else clones):
        for n in sound:
            try:
                require_clone(n, clone)
            except ValueError as error:
                yield ("decrypt", "clone", index), str(error)
                break


def value_problems(path: Path, values: Sequence[T], build: Callable[[T], object]) -> Problems:
    """Values of one sweep for which no point can be made."""
    for index, value in enumerate(values):
        try:
            build(value)
        except ValueError as error:
            yield (*path, index), str(error)
