"""Search for the best placement, by a number of moves that a budget stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from backends.compiling.protocol.core import annealing
from backends.compiling.protocol.core.annealing import IMPOSSIBLE, anneal, copy_of
from backends.compiling.protocol.core.cache import found_once
from backends.compiling.protocol.core.machine_code import implements
from backends.compiling.protocol.core.native.pricing import LAYER_PRICE
from backends.compiling.protocol.core.native.tables import device_tables, working_region
from backends.compiling.protocol.core.placement import Placement, copy_placement, empty_placement
from backends.compiling.protocol.core.problem import TREES, Problem
from backends.compiling.protocol.core.tournament import Found, Mapper, Task, Tournament
from backends.compiling.protocol.patterns import Patterns, embed_best, key_of, shipped, shipped_text
from backends.compiling.protocol.single.moves import change
from backends.compiling.protocol.single.programs import cost_of, scratch_for
from backends.compiling.protocol.single.starts import start
from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.pulse_trains import DECOUPLINGS

implements(annealing.change, Problem)(change)
implements(annealing.cost_of, Problem)(cost_of)
implements(annealing.overwrite, Placement)(copy_placement)

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


def best_placement(
    problem: Problem, snapshot: DeviceSnapshot, moves: int, seed: int, mapper: Mapper
) -> Placement | None:
    """The result of :func:`search`, which is made once and kept; None if nothing was found."""

    def find() -> Placement | None:
        found = search(problem, snapshot, moves, seed, mapper)
        return found.placement if found else None

    return found_once(Placement, problem, snapshot, moves, seed, find, shipped_text())


def run(task: Task[Problem, Placement]) -> Found[Placement]:
    """Do one annealing run."""
    problem = task.problem
    tables = device_tables(task.snapshot, DECOUPLINGS[problem.decoupling])
    placement = empty_placement(problem.pairs)
    if task.start is not None:
        placement = copy_of(task.start)
    elif not start(
        problem, placement, task.centre, working_region(task.snapshot), tables, task.seed
    ):
        return Found(np.inf, 0, placement)
    cost, layers = anneal(
        problem,
        placement,
        empty_placement(problem.pairs),
        empty_placement(problem.pairs),
        tables,
        scratch_for(problem, tables),
        task.moves,
        task.hot,
        task.cold,
        task.seed,
        task.layer_price,
    )
    return Found(cost, layers, placement)


def search(
    problem: Problem,
    snapshot: DeviceSnapshot,
    moves: int,
    seed: int,
    mapper: Mapper = map,
    patterns: Patterns | None = None,
) -> Found[Placement] | None:
    """Look for the placement with the least cost.

    Short runs everywhere on the device and from the best sites of the patterns, longer ones from
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
    rounds = Tournament(run, snapshot, moves, cooling.cold, draw, mapper)
    kinds = [(problem, LAYER_PRICE)]
    known = shipped() if patterns is None else patterns
    embeddings = embed_patterns(problem, snapshot, known, _EMBEDDINGS)
    share = _SCOUTS if embeddings else _SCOUTS + _FROM_PATTERNS
    scouting = max(_FEWEST_SCOUTS, int(share * moves / cooling.scout_moves))
    scouts = rounds.scouts(centres[:scouting], share, cooling.hot, kinds)
    if embeddings:
        scouts += rounds.continue_from(embeddings, _FROM_PATTERNS, cooling.warm, kinds)
        scouts.sort(key=lambda f: f.rank)
    chosen = [f.placement for f in scouts[:6] if np.isfinite(f.cost)]
    middle = rounds.continue_from(chosen, _FINALISTS, cooling.warm, kinds)
    best = sorted([*scouts[:2], *middle], key=lambda f: f.rank)
    if not best or not np.isfinite(best[0].cost):
        return None
    finalists = [f.placement for f in best[:2]]
    last = rounds.continue_from(finalists, _LAST, cooling.warm / 2, kinds)
    found = min([*best, *last], key=lambda f: f.rank)
    return found if found.cost < IMPOSSIBLE else None


def embed_patterns(
    problem: Problem, snapshot: DeviceSnapshot, patterns: Patterns, most: int
) -> list[Placement]:
    """The best placements that patterns of a problem give on a device, best first."""
    tables = device_tables(snapshot, DECOUPLINGS[problem.decoupling])
    scratch = scratch_for(problem, tables)

    def rank(placement: Placement) -> float:
        cost, layers = cost_of(problem, placement, tables, scratch, np.inf)
        return cost + LAYER_PRICE * layers

    known = patterns.get(key_of(problem), ())
    return embed_best(problem, known, tables, working_region(snapshot), rank, most)
