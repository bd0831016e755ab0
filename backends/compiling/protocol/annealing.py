"""Simulated annealing of placements."""

from __future__ import annotations

import numpy as np

from backends.compiling.protocol.building import MOST_ROWS, cost_of
from backends.compiling.protocol.compiled import machine_code
from backends.compiling.protocol.moves import change
from backends.compiling.protocol.placement import Placement, copy_placement
from backends.compiling.protocol.pricing import room_for
from backends.compiling.protocol.problem import Problem
from backends.compiling.protocol.tables import DeviceTables


@machine_code
def anneal(
    problem: Problem,
    place: Placement,
    here: Placement,
    before: Placement,
    tables: DeviceTables,
    moves: int,
    hot: float,
    cold: float,
    seed: int,
    layer_price: float = 0.0,
) -> tuple[float, int]:
    """Improve a placement by random changes, accepted ever more strictly.

    Args:
        problem: what is placed.
        place: where it starts, and the best one found afterwards.
        here: room for a placement; overwritten.
        before: the same.
        tables: the device.
        moves: how many changes are tried.
        hot: temperature at the start, in units of the cost.
        cold: temperature at the end.
        seed: of all random choices.
        layer_price: what a two-qubit layer adds to the cost.

    Returns:
        The cost of the best placement and its two-qubit layers; a cost of :data:`IMPOSSIBLE` and
        more if none works.
    """
    np.random.seed(seed)
    rows = np.zeros((MOST_ROWS, 5), dtype=np.int64)
    native = np.zeros((2 * MOST_ROWS, 4), dtype=np.int64)
    lists = np.zeros(8 * problem.pairs, dtype=np.int64)
    room = room_for(len(tables.degree))
    cost, layers = cost_of(problem, place, tables, rows, native, lists, room)
    cost += layer_price * layers
    copy_placement(place, here)
    copy_placement(place, before)
    best, fewest = cost, layers
    cooling = (cold / hot) ** (1.0 / max(1, moves))
    temperature = hot
    for _ in range(moves):
        temperature *= cooling
        if not change(problem, here, tables):
            copy_placement(before, here)
            continue
        # Drawn before the cost is known, so that a hopeless one need not be worked out.
        limit = cost - temperature * np.log(1.0 - np.random.random())
        new, layers = cost_of(problem, here, tables, rows, native, lists, room, limit)
        new += layer_price * layers
        if new <= limit:
            cost = new
            copy_placement(here, before)
            if cost < best:
                best, fewest = cost, layers
                copy_placement(here, place)
        else:
            copy_placement(before, here)
    return best - layer_price * fewest, fewest
