"""What the figure of a kind shows beside its values: axis, horizontal lines, curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from runner.results.rows import ResultRow

if TYPE_CHECKING:
    # The configuration is read without waiting for matplotlib.
    from matplotlib.figure import Figure

Dashes = Literal["--", "-.", ":", "sparse dots"]


@dataclass(frozen=True)
class Axis:
    """What the values are drawn against.

    Attributes:
        label: of the axis.
        of: the value of a row.
        logarithmic: whether the axis is.
        names: value → what is written at its tick; None for the values themselves.
        shows_n: whether n can be read from the axis, so that the legend need not tell it.
    """

    label: str
    of: Callable[[ResultRow], float]
    logarithmic: bool = False
    names: Mapping[float, str] | None = None
    shows_n: bool = False


@dataclass(frozen=True)
class Level:
    """A horizontal line over the whole figure.

    Attributes:
        height: in units of the value.
        name: what it means.
        dashes: how it is drawn.
    """

    height: float
    name: str
    dashes: Dashes


@dataclass(frozen=True)
class Curve:
    """A reference that depends on the axis.

    Attributes:
        points: (x, y), ascending.
        name: what it means.
        dashes: how it is drawn.
        named_at: index of the point that carries the name.
        name_offset: of the name from that point, in typographic points to the right and up.
        name_ends: whether the name ends there; otherwise it begins there.
    """

    points: Sequence[tuple[float, float]]
    name: str
    dashes: Dashes
    named_at: int
    name_offset: tuple[float, float]
    name_ends: bool = False


@dataclass(frozen=True)
class OwnFigure:
    """A figure that is drawn in a way of its own, from raw shots if need be.

    Attributes:
        data: what is drawn, as CSV.
        draw: makes the figure with a title.
    """

    data: str
    draw: Callable[[str], Figure]


AGAINST_N = Axis("cloning parameter n (signal qubits)", lambda row: row.n, shows_n=True)


def against_n(rows: Sequence[ResultRow]) -> Axis:
    """The axis of a kind that sweeps the signal qubits."""
    del rows
    return AGAINST_N


def fidelity_levels(rows: Sequence[ResultRow]) -> Sequence[Level]:
    """Where entanglement is witnessed, and what a completely noisy device gives."""
    return (
        *witness_levels(rows, "entanglement witnessed above"),
        Level(rows[0].noise_floor, "noise floor", ":"),
    )


def witness_levels(rows: Sequence[ResultRow], name: str) -> Sequence[Level]:
    """The bounds of the rows that have any."""
    heights = dict.fromkeys(row.witness_threshold for row in rows)
    return [Level(height, name, "--") for height in heights if height is not None]


def no_curves(rows: Sequence[ResultRow]) -> Sequence[Curve]:
    """A figure without curves."""
    del rows
    return ()


def no_parts(row: ResultRow) -> Sequence[str]:
    """Series that nothing but strategy, estimator, n and clone tells apart."""
    del row
    return ()


def no_own_figure(folder: object, rows: Sequence[ResultRow]) -> OwnFigure | None:
    """The values are drawn against the axis."""
    del folder, rows
    return None
