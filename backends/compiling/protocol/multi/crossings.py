"""Paths across qubits that are in use, on a device that is nearly full.

A qubit that travels exchanges sites with each qubit on its path, by three gates. The site behind it
is free once it has gone on, since the end of its path is free: the other qubit moves back, by two
gates. So all other qubits stay where a layout says. A key qubit moves back by three gates, which do
not depend on the site being free: its gates alone have to show that it was moved and nothing else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.core.native.frames import SWAP_XZ
from backends.compiling.protocol.core.native.lowering import EXACT, FENCE, GATE, LOCAL
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import Placement
from backends.compiling.protocol.core.trees.encryption import prepare_pair, write
from backends.compiling.protocol.core.trees.routing import route_avoiding

FREE, DATA, KEY = 0, 1, 2
"""What a device qubit holds."""

_X, _Z = 0, 2


@inner_machine_code
def meeting(way: NDArray[np.int64], size: int, wanted: int, held: NDArray[np.int64]) -> int:
    """Find two neighbouring free sites on a path to make a Bell pair on, nearest to those wanted.

    Returns:
        Index of the first one, or -1 if there are none.
    """
    found = -1
    for m in range(size - 1):
        free = not held[way[m]] and not held[way[m + 1]]
        if free and (found < 0 or abs(m - wanted) < abs(found - wanted)):
            found = m
    return found


@inner_machine_code
def _travel(
    rows: NDArray[np.int64],
    at: int,
    way: NDArray[np.int64],
    start: int,
    end: int,
    standing: NDArray[np.int64],
) -> int:
    """Append a move of a qubit from ``way[start]`` to ``way[end]``, a free site."""
    step = 1 if end > start else -1
    for k in range(start, end, step):
        here, there = way[k], way[k + step]
        at = write(rows, at, GATE, here, _Z, there, _X)
        at = write(rows, at, GATE, there, _Z, here, _X)
        if standing[there]:
            at = write(rows, at, GATE, here, _Z, there, _X)
    for k in range(end - step, start, -step):
        if standing[way[k]]:
            behind, home = way[k - step], way[k]
            at = write(rows, at, GATE, behind, _Z, home, _X)
            at = write(rows, at, GATE, home, _Z, behind, _X)
            if standing[home] == KEY:
                at = write(rows, at, GATE, behind, _Z, home, _X)
    return at


@inner_machine_code
def fetch_across(
    rows: NDArray[np.int64], at: int, placement: Placement, standing: NDArray[np.int64]
) -> int:
    """Append the move of a block's input from where it was made to its site in the tree."""
    return _travel(rows, at, placement.path[0], placement.length[0] - 1, 0, standing)


@inner_machine_code
def prepare_across(
    rows: NDArray[np.int64],
    at: int,
    placement: Placement,
    pair: int,
    pairs: int,
    standing: NDArray[np.int64],
) -> int:
    """:func:`prepare_pair` along a path on which some qubits are in use."""
    last, in_the_way = placement.length[pair] - 1, 0
    for k in range(1, last):
        in_the_way += standing[placement.path[pair, k]] != FREE
    if in_the_way == 0:
        return prepare_pair(rows, at, placement, pair, pairs)
    way = placement.path[pair]
    meet = meeting(way, last + 1, placement.meet[pair], standing)
    a, b = way[meet], way[meet + 1]
    axis_a, axis_b = (_X, _Z) if placement.turned[pair] else (_Z, _X)
    at = write(rows, at, LOCAL, b if placement.turned[pair] else a, SWAP_XZ, 0, 0)
    at = write(rows, at, GATE, a, axis_a, b, axis_b)
    at = _travel(rows, at, way, meet, 0, standing)
    at = _travel(rows, at, way, meet + 1, last, standing)
    at = write(rows, at, EXACT, way[0], 0, 0, 0)
    at = write(rows, at, EXACT, way[last], 0, 0, 0)
    return write(rows, at, FENCE, 2 * pairs + 2 * pair, 2, pair, 0)


@inner_machine_code
def route_across(
    placement: Placement,
    pair: int,
    goal: int,
    held: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Draw a path, across as few qubits in use as it happens."""
    return (
        route_avoiding(placement, pair, goal, held, tables, 1.0)
        or route_avoiding(placement, pair, goal, held, tables, np.random.random())
        or route_avoiding(placement, pair, goal, held, tables, 0.0)
    )
