"""The seam between an experiment and everything that runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from experiments.protocol import Strategy
from experiments.published import Published
from experiments.settings import Setting
from experiments.statistics.estimators import LinearEstimator


class Point(Protocol):
    """One point of an experiment: the circuits to run and how their counts become a value.

    A point describes a task and can be hashed, pickled and compared; what runs it is elsewhere.
    """

    @property
    def parameters(self) -> Mapping[str, int | float | str]:
        """What defines the point, under the names of a result row (``experiment`` included)."""

    @property
    def label(self) -> str:
        """Short name, unique within a sweep, for files and progress."""

    @property
    def num_qubits(self) -> int:
        """Logical qubits of its circuits."""

    @property
    def linear_estimator(self) -> LinearEstimator:
        """How the settings' success probabilities make up the value."""

    @property
    def noise_floor(self) -> float:
        """The value of a completely noisy device."""

    @property
    def witness_threshold(self) -> float:
        """Entanglement is witnessed above this value."""

    def settings(self) -> Sequence[Setting]:
        """The circuits to run, in the order of the estimator's weights."""

    def published(self) -> Published | None:
        """The printed value of this point, if there is one."""


_P = TypeVar("_P", bound=Point)


def decrypted_by(point: _P, strategy: Strategy) -> _P:
    """The same point with its clone decrypted in another way.

    Raises:
        ValueError: if there is no such experiment.
    """
    described = cast(Any, point)
    if hasattr(described, "cloning"):
        changed = replace(described, cloning=replace(described.cloning, strategy=strategy))
    else:
        changed = replace(described, strategy=strategy)
    return cast(_P, changed)
