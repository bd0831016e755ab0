"""Rounds of annealing runs: many short ones, longer ones from the best of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Generic, TypeVar

import numpy as np

from backends.compiling.protocol.core.native.pricing import LAYER_PRICE
from backends.devices.snapshot import DeviceSnapshot

ProblemType = TypeVar("ProblemType")
PlacedType = TypeVar("PlacedType")


@dataclass(frozen=True, eq=False)
class Task(Generic[ProblemType, PlacedType]):
    """One annealing run, to be done in any process.

    Attributes:
        problem: what is placed.
        snapshot: the device.
        start: the placement from which it goes on; None starts anew around ``centre``.
        centre: a device qubit, -1 with ``start``.
        moves: how many changes are tried.
        hot: the first temperature, in units of the cost.
        cold: the last one.
        seed: of all random choices.
        layer_price: what a two-qubit layer adds to the cost while it searches.
    """

    problem: ProblemType
    snapshot: DeviceSnapshot
    start: PlacedType | None
    centre: int
    moves: int
    hot: float
    cold: float
    seed: int
    layer_price: float = LAYER_PRICE


@dataclass(frozen=True, eq=False)
class Found(Generic[PlacedType]):
    """The end of a run.

    Attributes:
        cost: sum of -log of all correlators; infinite if nothing was found.
        layers: two-qubit layers.
        placement: the best placement.
    """

    cost: float
    layers: int
    placement: PlacedType

    @property
    def rank(self) -> float:
        """What the search makes small: the cost, and a little for each layer."""
        return self.cost + LAYER_PRICE * self.layers


Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""How runs are made: one after the other, or by several workers; results in order."""


@dataclass(frozen=True, eq=False)
class Tournament(Generic[ProblemType, PlacedType]):
    """What the rounds of one search have in common.

    Attributes:
        run: makes one annealing run.
        snapshot: the device.
        moves: changes tried in all rounds together.
        cold: temperature at the end of every run.
        draw: gives each run its seed.
        mapper: makes the runs of a round.
    """

    run: Callable[[Task[ProblemType, PlacedType]], Found[PlacedType]]
    snapshot: DeviceSnapshot
    moves: int
    cold: float
    draw: np.random.Generator
    mapper: Mapper

    def scouts(
        self,
        centres: Sequence[int],
        share: float,
        hot: float,
        kinds: Sequence[tuple[ProblemType, float]],
    ) -> list[Found[PlacedType]]:
        """Runs from random placements around device qubits; see :meth:`continue_from`."""
        return self._round([(None, centre) for centre in centres], share, hot, kinds)

    def continue_from(
        self,
        starts: Sequence[PlacedType],
        share: float,
        hot: float,
        kinds: Sequence[tuple[ProblemType, float]],
    ) -> list[Found[PlacedType]]:
        """Make one run from each placement.

        Args:
            starts: the placements.
            share: part of all moves that this round may make.
            hot: temperature at the start of each run.
            kinds: what is searched for and the price of a layer, for the runs by turns.

        Returns:
            What was found, best first.
        """
        return self._round([(start, -1) for start in starts], share, hot, kinds)

    def _round(
        self,
        starts: Sequence[tuple[PlacedType | None, int]],
        share: float,
        hot: float,
        kinds: Sequence[tuple[ProblemType, float]],
    ) -> list[Found[PlacedType]]:
        moves = max(1, int(share * self.moves / max(1, len(starts))))
        tasks = [
            Task(
                problem,
                self.snapshot,
                start,
                centre,
                moves,
                hot,
                self.cold,
                int(self.draw.integers(2**31)),
                price,
            )
            for (start, centre), (problem, price) in zip(starts, cycle(kinds), strict=False)
        ]
        return sorted(self.mapper(self.run, tasks), key=lambda found: found.rank)
