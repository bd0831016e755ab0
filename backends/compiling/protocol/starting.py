"""Random placements to start from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.compiled import inner_machine_code, machine_code
from backends.compiling.protocol.encoding import pair_order
from backends.compiling.protocol.placement import NODES, ROOT, SECOND, STAND_IN, Placement
from backends.compiling.protocol.problem import Problem
from backends.compiling.protocol.routing import FREE, occupied, route_avoiding
from backends.compiling.protocol.stand_in import may_stand_in
from backends.compiling.protocol.tables import DeviceTables

_ATTEMPTS, _ENOUGH = 400, 50


@inner_machine_code
def _minus_ones(size: int) -> NDArray[np.int64]:
    out = np.empty(size, dtype=np.int64)
    for k in range(size):
        out[k] = -1
    return out


@inner_machine_code
def _shuffle(order: NDArray[np.int64]) -> None:
    for k in range(len(order) - 1, 0, -1):
        other = np.random.randint(k + 1)
        order[k], order[other] = order[other], order[k]


@inner_machine_code
def _grown(
    problem: Problem, place: Placement, centre: int, region: NDArray[np.bool_], tables: DeviceTables
) -> bool:
    """A tree of the right size around a device qubit, its places not yet given to pairs."""
    pairs = problem.pairs
    used = np.empty(len(region), dtype=np.bool_)
    for site in range(len(region)):
        used[site] = not region[site]
    place.site[:] = -1
    place.parent[:] = -1
    place.site[0] = centre
    used[centre] = True
    count = 1
    head = 0
    while count < pairs and head < count:
        here = place.site[head]
        shift = np.random.randint(tables.degree[here])
        for k in range(tables.degree[here]):
            there = tables.neighbours[here, (k + shift) % tables.degree[here]]
            # Leave room beside the tree now and then.
            if count < pairs and not used[there] and np.random.random() < 0.85:
                used[there] = True
                place.site[count] = there
                place.parent[count] = head
                count += 1
        head += 1
    place.scalars[NODES] = pairs
    place.scalars[ROOT] = 0
    place.scalars[SECOND] = 1
    return count == pairs and place.parent[1] == 0


@inner_machine_code
def _with_partners(
    problem: Problem, place: Placement, region: NDArray[np.bool_], tables: DeviceTables
) -> bool:
    """Give every place of the tree to a pair, and every pair a partner, nearest first."""
    pairs, sites = problem.pairs, len(tables.degree)
    position = place.site[:pairs].copy()
    above = place.parent[:pairs].copy()
    taken = np.zeros(sites, dtype=np.int64)
    for k in range(pairs):
        taken[position[k]] = 1
    distance = _minus_ones(sites)
    queue = np.empty(sites, dtype=np.int64)
    head, tail = 0, pairs
    for k in range(pairs):
        queue[k] = position[k]
        distance[position[k]] = 0
    while head < tail:
        here = queue[head]
        head += 1
        for k in range(tables.degree[here]):
            there = tables.neighbours[here, k]
            if distance[there] < 0 and region[there]:
                distance[there] = distance[here] + 1
                queue[tail] = there
                tail += 1
    stand_in = place.scalars[STAND_IN]
    with_clone = problem.mate[stand_in] if stand_in > 0 else -1
    pair_at = _minus_ones(pairs)  # pair of each place of the tree
    goal = _minus_ones(pairs)
    order: NDArray[np.int64] = np.empty(pairs, dtype=np.int64)
    for k in range(pairs):
        order[k] = k
    _shuffle(order)
    for pair in order:
        if goal[pair] >= 0:
            continue
        mate = -1 if pair in (stand_in, with_clone) else problem.mate[pair]
        found = False
        for q in range(pairs, tail):
            site = queue[q]
            if taken[site] != FREE or np.random.random() < 0.2:
                continue
            if mate < 0:
                goal[pair] = site
                taken[site] = 1
                found = True
                break
            for k in range(tables.degree[site]):
                other = tables.neighbours[site, k]
                if taken[other] == FREE and region[other]:
                    goal[pair], goal[mate] = site, other
                    taken[site] = taken[other] = 1
                    found = True
                    break
            if found:
                break
        if not found:
            return False
    _shuffle(order)
    for pair in order:
        best, chosen = sites, -1
        near = _minus_ones(sites)
        near[goal[pair]] = 0
        queue[0], head, tail = goal[pair], 0, 1
        while head < tail:
            here = queue[head]
            head += 1
            for k in range(tables.degree[here]):
                there = tables.neighbours[here, k]
                if near[there] < 0:
                    near[there] = near[here] + 1
                    queue[tail] = there
                    tail += 1
        for k in range(pairs):
            if pair_at[k] < 0 and 0 <= near[position[k]] < best:
                best, chosen = near[position[k]], k
        if chosen < 0:
            return False
        pair_at[chosen] = pair
    for k in range(pairs):
        place.site[pair_at[k]] = position[k]
        place.parent[pair_at[k]] = pair_at[above[k]] if above[k] >= 0 else -1
    place.scalars[ROOT] = pair_at[0]
    place.scalars[SECOND] = pair_at[1]
    place.length[:] = 0
    occupied(pairs, place, taken)
    for pair in range(pairs):
        taken[goal[pair]] = 1
    if with_clone >= 0:
        _bring_beside(with_clone, place.site[problem.clone], goal, taken, tables)
    if problem.beside_clone:
        end = goal[stand_in] if stand_in > 0 else place.site[problem.clone]
        _bring_beside(0, end, goal, taken, tables)
    for i in range(pairs):
        found = False
        for avoid in (1.0, 0.9, 0.8, 0.6, 0.4, 0.0):
            found = found or route_avoiding(place, i, goal[i], taken, tables, avoid)
        if not found:
            return False
    return True


@inner_machine_code
def _bring_beside(
    pair: int,
    site: int,
    goal: NDArray[np.int64],
    taken: NDArray[np.int64],
    tables: DeviceTables,
) -> None:
    """Let a partner stand beside a device qubit, if there is room."""
    for k in range(tables.degree[site]):
        there = tables.neighbours[site, k]
        if there == goal[pair]:
            return
    for k in range(tables.degree[site]):
        there = tables.neighbours[site, k]
        if taken[there] == FREE:
            taken[goal[pair]] = FREE
            taken[there] = 1
            goal[pair] = there
            return


@machine_code
def start(
    problem: Problem,
    place: Placement,
    centre: int,
    region: NDArray[np.bool_],
    tables: DeviceTables,
    seed: int,
) -> bool:
    """Write a random placement around a device qubit.

    Args:
        problem: what is placed.
        place: overwritten.
        centre: a device qubit.
        region: which device qubits may be used.
        tables: the device.
        seed: of all random choices.

    Returns:
        Whether there is one; its paths may still block each other.
    """
    np.random.seed(seed)
    order = np.empty(problem.pairs, dtype=np.int64)
    for attempt in range(_ATTEMPTS):
        place.meet[:] = 0
        place.length[:] = 0
        place.scalars[STAND_IN] = 0
        if problem.stand_ins > 0 and np.random.random() < 0.5:
            chosen = np.random.randint(problem.pairs)
            place.scalars[STAND_IN] = chosen if may_stand_in(problem, chosen) else 0
        if not _grown(problem, place, centre, region, tables):
            continue
        if not _with_partners(problem, place, region, tables):
            continue
        if attempt >= _ENOUGH or pair_order(problem.pairs, place, len(region), order) == 0:
            return True
    return False
