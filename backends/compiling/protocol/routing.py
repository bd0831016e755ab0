"""Paths and occupied qubits of a placement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.compiled import inner_machine_code
from backends.compiling.protocol.placement import NODES, Placement, partner_site
from backends.compiling.protocol.tables import DeviceTables

FREE, TREE, PARTNER = 0, 1, 2


@inner_machine_code
def occupied(pairs: int, place: Placement, taken: NDArray[np.int64]) -> None:
    """Mark which device qubits hold nodes of the tree or partners."""
    taken[:] = FREE
    for v in range(place.scalars[NODES]):
        taken[place.site[v]] = TREE
    for i in range(pairs):
        if place.length[i] > 0:
            taken[partner_site(place, i)] = PARTNER


@inner_machine_code
def random_neighbour(tables: DeviceTables, site: int) -> int:
    """A working neighbour of a device qubit."""
    return tables.neighbours[site, np.random.randint(tables.degree[site])]


@inner_machine_code
def route(
    place: Placement, pair: int, goal: int, taken: NDArray[np.int64], tables: DeviceTables
) -> bool:
    """Draw a shortest path from a data qubit to its partner at ``goal``.

    Qubits that are in use later are avoided sometimes, at random: a path across them decides which
    pair comes first.

    Returns:
        Whether there is one that is not too long.
    """
    if place.site[pair] == goal:
        return False
    return route_avoiding(place, pair, goal, taken, tables, np.random.random())


@inner_machine_code
def route_avoiding(
    place: Placement,
    pair: int,
    goal: int,
    taken: NDArray[np.int64],
    tables: DeviceTables,
    avoid: float,
) -> bool:
    """:func:`route`, with a given probability to avoid each qubit that is in use later."""
    start = place.site[pair]
    sites = len(taken)
    back = np.empty(sites, dtype=np.int64)
    for s in range(sites):
        back[s] = -1
    depth = np.zeros(sites, dtype=np.int64)
    queue = np.empty(sites, dtype=np.int64)
    queue[0], head, tail = goal, 0, 1
    back[goal] = goal
    while head < tail and back[start] < 0:
        here = queue[head]
        head += 1
        if depth[here] >= place.path.shape[1] - 1:
            return False
        degree = tables.degree[here]
        shift = np.random.randint(degree)
        for k in range(degree):
            there = tables.neighbours[here, (k + shift) % degree]
            if back[there] >= 0:
                continue
            if there != start and taken[there] != FREE and np.random.random() < avoid:
                continue
            back[there] = here
            depth[there] = depth[here] + 1
            queue[tail] = there
            tail += 1
    if back[start] < 0:
        return False
    here, count = start, 0
    while True:
        place.path[pair, count] = here
        count += 1
        if here == goal:
            break
        here = back[here]
    if count != place.length[pair]:
        place.length[pair] = count
        place.meet[pair] = (count - 2) // 2
    return True
