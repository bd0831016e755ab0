"""Search for the best placement, by a number of moves that a budget stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from backends.compiling.protocol.annealing import anneal
from backends.compiling.protocol.building import IMPOSSIBLE
from backends.compiling.protocol.patterns import Patterns, embedded, key_of, shipped
from backends.compiling.protocol.placement import Placement, copy_placement, empty_placement
from backends.compiling.protocol.pricing import LAYER_PRICE
from backends.compiling.protocol.problem import TREES, Problem
from backends.compiling.protocol.starting import start
from backends.compiling.protocol.tables import device_tables, working_region
from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.pulse_trains import DECOUPLINGS

_SCOUTS, _FROM_PATTERNS, _FINALISTS, _LAST = 0.1, 0.3, 0.3, 0.3
"""Shares of the moves."""
_EMBEDDINGS = 24
_FEWEST_SCOUTS = 8


class _Schedule(NamedTuple):
    """How a search cools, in units of the cost.

    Attributes:
        scout_moves: moves of a short run.
        hot: temperature at the start of a short run.
        warm: of a longer one.
        cold: at the end of every run.
    """

    scout_moves: int
    hot: float
    warm: float
    cold: float


_SCHEDULE = _Schedule(15_000, 0.4, 0.15, 0.002)
_SCHEDULE_OF_TREES = _Schedule(60_000, 0.5, 0.2, 0.002)
"""A decoding tree breaks easily, so that good placements lie further apart."""


@dataclass(frozen=True, eq=False)
class Task:
    """One annealing run, to be done in any process.

    Attributes:
        problem: what is placed.
        snapshot: the device.
        place: where it starts; None starts anew around ``centre``.
        centre: a device qubit, -1 with ``place``.
        moves: how many changes are tried.
        hot: the first temperature.
        cold: the last one.
        seed: of all random choices.
    """

    problem: Problem
    snapshot: DeviceSnapshot
    place: Placement | None
    centre: int
    moves: int
    hot: float
    cold: float
    seed: int


Mapper = Callable[[Callable[[Task], "Found"], Iterable[Task]], Iterable["Found"]]
"""How tasks are done: one after the other, or by several processes; results in order."""


@dataclass(frozen=True, eq=False)
class Found:
    """The end of a run.

    Attributes:
        cost: sum of -log of all correlators; infinite if nothing was found.
        layers: two-qubit layers.
        place: the best placement.
    """

    cost: float
    layers: int
    place: Placement

    @property
    def rank(self) -> float:
        """What the search makes small: the cost, and a little for each layer."""
        return self.cost + LAYER_PRICE * self.layers


def run(task: Task) -> Found:
    """Do one annealing run."""
    problem = task.problem
    tables = device_tables(task.snapshot, DECOUPLINGS[problem.decoupling])
    place = empty_placement(problem.pairs)
    if task.place is not None:
        copy_placement(task.place, place)
    else:
        region = working_region(task.snapshot)
        if not start(problem, place, task.centre, region, tables, task.seed):
            return Found(np.inf, 0, place)
    here, before = empty_placement(problem.pairs), empty_placement(problem.pairs)
    cost, layers = anneal(
        problem,
        place,
        here,
        before,
        tables,
        task.moves,
        task.hot,
        task.cold,
        task.seed,
        LAYER_PRICE,
    )
    return Found(cost, layers, place)


def search(
    problem: Problem,
    snapshot: DeviceSnapshot,
    moves: int,
    seed: int,
    mapper: Mapper = map,
    patterns: Patterns | None = None,
) -> Found | None:
    """Look for the placement with the least cost.

    Short runs everywhere on the device and from the best places of the patterns, longer ones from
    the best of them, the longest from the very best. Equal arguments give equal placements, on any
    number of processes.

    Args:
        problem: what is placed.
        snapshot: the device.
        moves: changes tried in all.
        seed: of all random choices.
        mapper: does the runs.
        patterns: what to start from beside random placements; None takes those that are shipped.

    Returns:
        The best placement, or None if none was found.
    """
    cooling = _SCHEDULE_OF_TREES if problem.decoding == TREES else _SCHEDULE
    draw = np.random.default_rng([seed, problem.pairs])
    centres: Sequence[int] = draw.permutation(sorted(snapshot.largest_region)).tolist()

    def runs(
        starts: Sequence[tuple[Placement | None, int]], share: float, hot: float
    ) -> list[Found]:
        each = max(1, int(share * moves / max(1, len(starts))))
        tasks = [
            Task(
                problem, snapshot, place, centre, each, hot, cooling.cold, int(draw.integers(2**31))
            )
            for place, centre in starts
        ]
        return sorted(mapper(run, tasks), key=lambda found: found.rank)

    region = working_region(snapshot)
    known = (shipped() if patterns is None else patterns).get(key_of(problem), ())
    tables = device_tables(snapshot, DECOUPLINGS[problem.decoupling])
    embeddings = embedded(problem, known, tables, region, LAYER_PRICE, _EMBEDDINGS)
    share = _SCOUTS if embeddings else _SCOUTS + _FROM_PATTERNS
    scouting = max(_FEWEST_SCOUTS, int(share * moves / cooling.scout_moves))
    scouts = runs([(None, centre) for centre in centres[:scouting]], share, cooling.hot)
    if embeddings:
        scouts += runs([(place, -1) for place in embeddings], _FROM_PATTERNS, cooling.warm)
        scouts.sort(key=lambda f: f.rank)
    middle = runs(
        [(f.place, -1) for f in scouts[:6] if np.isfinite(f.cost)], _FINALISTS, cooling.warm
    )
    best = sorted([*scouts[:2], *middle], key=lambda f: f.rank)
    if not best or not np.isfinite(best[0].cost):
        return None
    last = runs([(f.place, -1) for f in best[:2]], _LAST, cooling.warm / 2)
    found = min([*best, *last], key=lambda f: f.rank)
    return found if found.cost < IMPOSSIBLE else None
