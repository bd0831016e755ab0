"""Paths and occupied qubits of a placement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import NODES, Placement, partner_site

FREE, TREE, PARTNER = 0, 1, 2


@inner_machine_code
def mark_occupied(pairs: int, placement: Placement, taken: NDArray[np.int64]) -> None:
    """Mark which device qubits hold nodes of the tree or partners.

    ``taken``, shape (device qubits,), int64, is overwritten by :data:`FREE`, :data:`TREE` or
    :data:`PARTNER` of each.
    """
    taken[:] = FREE
    for v in range(placement.scalars[NODES]):
        taken[placement.site[v]] = TREE
    for i in range(pairs):
        if placement.length[i] > 0:
            taken[partner_site(placement, i)] = PARTNER


@inner_machine_code
def search_outwards(
    queue: NDArray[np.int64],
    tail: int,
    region: NDArray[np.bool_],
    distance: NDArray[np.int64],
    tables: DeviceTables,
) -> int:
    """Search breadth first from the device qubits at the start of a queue.

    Args:
        queue: where to start; then all that is found, nearest first, shape (device qubits,).
        tail: how many device qubits to start from.
        region: which device qubits may be entered, shape (device qubits,).
        distance: steps to each device qubit, -1 at first; overwritten, shape (device qubits,).
        tables: the device.

    Returns:
        How many device qubits are in the queue.
    """
    for k in range(tail):
        distance[queue[k]] = 0
    head = 0
    while head < tail:
        here = queue[head]
        head += 1
        for k in range(tables.degree[here]):
            there = tables.neighbours[here, k]
            if distance[there] < 0 and region[there]:
                distance[there] = distance[here] + 1
                queue[tail] = there
                tail += 1
    return tail


@inner_machine_code
def random_neighbour(tables: DeviceTables, site: int) -> int:
    """A working neighbour of a device qubit."""
    return tables.neighbours[site, np.random.randint(tables.degree[site])]


@inner_machine_code
def route(
    placement: Placement, pair: int, goal: int, taken: NDArray[np.int64], tables: DeviceTables
) -> bool:
    """Draw a shortest path from a data qubit to its partner at ``goal``.

    Qubits that are in use later are avoided sometimes, at random: a path across them decides which
    pair comes first.

    Returns:
        Whether there is one that is not too long.
    """
    if placement.site[pair] == goal:
        return False
    return route_avoiding(placement, pair, goal, taken, tables, np.random.random())


@inner_machine_code
def route_avoiding(
    placement: Placement,
    pair: int,
    goal: int,
    taken: NDArray[np.int64],
    tables: DeviceTables,
    avoid: float,
) -> bool:
    """:func:`route`, with a given probability to avoid each qubit that is in use later."""
    start = placement.site[pair]
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
        if depth[here] >= placement.path.shape[1] - 1:
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
        placement.path[pair, count] = here
        count += 1
        if here == goal:
            break
        here = back[here]
    if count != placement.length[pair]:
        placement.length[pair] = count
        placement.meet[pair] = (count - 2) // 2
    return True
