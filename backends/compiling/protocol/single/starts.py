"""Random placements to start from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code, machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import NODES, ROOT, SECOND, STAND_IN, Placement
from backends.compiling.protocol.core.problem import Problem
from backends.compiling.protocol.core.trees.encryption import pair_order
from backends.compiling.protocol.core.trees.roles import may_stand_in
from backends.compiling.protocol.core.trees.routing import (
    FREE,
    mark_occupied,
    route_avoiding,
    search_outwards,
)

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
    problem: Problem,
    placement: Placement,
    centre: int,
    region: NDArray[np.bool_],
    tables: DeviceTables,
) -> bool:
    """Grow a tree of the right size around a device qubit, its positions not yet given to pairs."""
    pairs = problem.pairs
    used = np.empty(len(region), dtype=np.bool_)
    for site in range(len(region)):
        used[site] = not region[site]
    placement.site[:] = -1
    placement.parent[:] = -1
    placement.site[0] = centre
    used[centre] = True
    count = 1
    head = 0
    while count < pairs and head < count:
        here = placement.site[head]
        shift = np.random.randint(tables.degree[here])
        for k in range(tables.degree[here]):
            there = tables.neighbours[here, (k + shift) % tables.degree[here]]
            # Leave room beside the tree now and then.
            if count < pairs and not used[there] and np.random.random() < 0.85:
                used[there] = True
                placement.site[count] = there
                placement.parent[count] = head
                count += 1
        head += 1
    placement.scalars[NODES] = pairs
    placement.scalars[ROOT] = 0
    placement.scalars[SECOND] = 1
    return count == pairs and placement.parent[1] == 0


@inner_machine_code
def _with_partners(
    problem: Problem, placement: Placement, region: NDArray[np.bool_], tables: DeviceTables
) -> bool:
    """Give every position in the tree to a pair, and every pair a partner, nearest first."""
    pairs, sites = problem.pairs, len(tables.degree)
    position = placement.site[:pairs].copy()
    above = placement.parent[:pairs].copy()
    taken = np.zeros(sites, dtype=np.int64)
    for k in range(pairs):
        taken[position[k]] = 1
    goal = _minus_ones(pairs)
    stand_in = placement.scalars[STAND_IN]
    with_clone = problem.mate[stand_in] if stand_in > 0 else -1
    order = np.empty(pairs, dtype=np.int64)
    for k in range(pairs):
        order[k] = k
    _shuffle(order)
    if not _draw_partner_sites(problem, position, order, stand_in, region, taken, goal, tables):
        return False
    pair_at = _minus_ones(pairs)  # pair of each position in the tree
    _shuffle(order)
    if not _take_nearest_positions(goal, position, order, pair_at, tables):
        return False
    for k in range(pairs):
        placement.site[pair_at[k]] = position[k]
        placement.parent[pair_at[k]] = pair_at[above[k]] if above[k] >= 0 else -1
    placement.scalars[ROOT] = pair_at[0]
    placement.scalars[SECOND] = pair_at[1]
    placement.length[:] = 0
    mark_occupied(pairs, placement, taken)
    for pair in range(pairs):
        taken[goal[pair]] = 1
    if with_clone >= 0:
        _bring_beside(with_clone, placement.site[problem.clone], goal, taken, tables)
    if problem.beside_clone:
        end = goal[stand_in] if stand_in > 0 else placement.site[problem.clone]
        _bring_beside(0, end, goal, taken, tables)
    for i in range(pairs):
        found = False
        for avoid in (1.0, 0.9, 0.8, 0.6, 0.4, 0.0):
            found = found or route_avoiding(placement, i, goal[i], taken, tables, avoid)
        if not found:
            return False
    return True


@inner_machine_code
def _draw_partner_sites(
    problem: Problem,
    position: NDArray[np.int64],
    order: NDArray[np.int64],
    stand_in: int,
    region: NDArray[np.bool_],
    taken: NDArray[np.int64],
    goal: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Draw a site for every partner, near the tree; mates get neighbouring ones.

    Args:
        problem: what is placed.
        position: device qubit of each position in the tree, shape (pairs,).
        order: pairs in the order in which they choose, shape (pairs,).
        stand_in: pair whose key qubit hands back the clone, 0 for none: it has no mate.
        region: which device qubits may be used, shape (device qubits,).
        taken: 1 where a device qubit is in use, shape (device qubits,); updated.
        goal: device qubit of each partner, -1 at first, shape (pairs,); overwritten.
        tables: the device.

    Returns:
        Whether there is room.
    """
    pairs, sites = problem.pairs, len(tables.degree)
    distance = _minus_ones(sites)
    queue = np.empty(sites, dtype=np.int64)
    queue[:pairs] = position
    tail = search_outwards(queue, pairs, region, distance, tables)
    with_clone = problem.mate[stand_in] if stand_in > 0 else -1
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
    return True


@inner_machine_code
def _take_nearest_positions(
    goal: NDArray[np.int64],
    position: NDArray[np.int64],
    order: NDArray[np.int64],
    pair_at: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Give every pair the position in the tree that is nearest to its partner.

    Args:
        goal: device qubit of each partner, shape (pairs,).
        position: device qubit of each position in the tree, shape (pairs,).
        order: pairs in the order in which they choose, shape (pairs,).
        pair_at: pair of each position, -1 at first, shape (pairs,); overwritten.
        tables: the device.

    Returns:
        Whether all positions are within reach.
    """
    pairs, sites = len(goal), len(tables.degree)
    queue = np.empty(sites, dtype=np.int64)
    everywhere = np.ones(sites, dtype=np.bool_)
    for pair in order:
        best, chosen = sites, -1
        near = _minus_ones(sites)
        queue[0] = goal[pair]
        search_outwards(queue, 1, everywhere, near, tables)
        for k in range(pairs):
            if pair_at[k] < 0 and 0 <= near[position[k]] < best:
                best, chosen = near[position[k]], k
        if chosen < 0:
            return False
        pair_at[chosen] = pair
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
    placement: Placement,
    centre: int,
    region: NDArray[np.bool_],
    tables: DeviceTables,
    seed: int,
) -> bool:
    """Write a random placement around a device qubit.

    Args:
        problem: what is placed.
        placement: overwritten.
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
        placement.meet[:] = 0
        placement.length[:] = 0
        placement.scalars[STAND_IN] = 0
        if problem.stand_ins > 0 and np.random.random() < 0.5:
            chosen = np.random.randint(problem.pairs)
            placement.scalars[STAND_IN] = chosen if may_stand_in(problem, chosen) else 0
        if not _grown(problem, placement, centre, region, tables):
            continue
        if not _with_partners(problem, placement, region, tables):
            continue
        if attempt >= _ENOUGH or pair_order(problem.pairs, placement, len(region), order) == 0:
            return True
    return False
