"""Simulated annealing of placements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.protocol_compiler.building import IMPOSSIBLE, MOST_ROWS, cost_of
from backends.protocol_compiler.compiled import inner_machine_code, machine_code
from backends.protocol_compiler.moves import change
from backends.protocol_compiler.placement import (
    NODES,
    ROOT,
    SECOND,
    Placement,
    copy_placement,
)
from backends.protocol_compiler.problem import Problem
from backends.protocol_compiler.routing import FREE, occupied, route_avoiding
from backends.protocol_compiler.tables import DeviceTables

_ATTEMPTS, _ENOUGH = 400, 50


@inner_machine_code
def seed_random(seed: int) -> None:
    """Seed the generator that all moves draw from."""
    np.random.seed(seed)


@inner_machine_code
def _grown(
    problem: Problem, place: Placement, centre: int, region: NDArray[np.bool_], tables: DeviceTables
) -> bool:
    """A tree of the right size around a device qubit, its places not yet given to pairs."""
    pairs = problem.pairs
    used = ~region
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
    distance = np.full(sites, -1, dtype=np.int64)
    queue = np.empty(sites, dtype=np.int64)
    head, tail = 0, pairs
    queue[:pairs] = position
    distance[position] = 0
    while head < tail:
        here = queue[head]
        head += 1
        for k in range(tables.degree[here]):
            there = tables.neighbours[here, k]
            if distance[there] < 0 and region[there]:
                distance[there] = distance[here] + 1
                queue[tail] = there
                tail += 1
    pair_at = np.full(pairs, -1, dtype=np.int64)  # pair of each place of the tree
    goal = np.full(pairs, -1, dtype=np.int64)
    for pair in np.random.permutation(pairs):
        if goal[pair] >= 0:
            continue
        mate = problem.mate[pair]
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
    for pair in np.random.permutation(pairs):
        best, chosen = sites, -1
        near = np.full(sites, -1, dtype=np.int64)
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
    if problem.beside_clone:
        c = place.site[problem.clone]
        for k in range(tables.degree[c]):
            there = tables.neighbours[c, k]
            if taken[there] == FREE:
                taken[goal[0]] = FREE
                goal[0] = there
                break
    for pair in range(pairs):
        found = False
        for avoid in (1.0, 0.9, 0.8, 0.6, 0.4, 0.0):
            found = found or route_avoiding(place, pair, goal[pair], taken, tables, avoid)
        if not found:
            return False
    return True


@inner_machine_code
def start(
    problem: Problem,
    place: Placement,
    centre: int,
    region: NDArray[np.bool_],
    tables: DeviceTables,
    rows: NDArray[np.int64],
    native: NDArray[np.int64],
    lists: NDArray[np.int64],
    losses: NDArray[np.float64],
) -> float:
    """A random possible placement around a device qubit; its cost, infinite if none was found."""
    for attempt in range(_ATTEMPTS):
        place.meet[:] = 0
        place.length[:] = 0
        if not _grown(problem, place, centre, region, tables):
            continue
        if not _with_partners(problem, place, region, tables):
            continue
        cost = cost_of(problem, place, tables, rows, native, lists, losses)
        if cost < IMPOSSIBLE or attempt >= _ENOUGH:
            return cost
    return np.inf


@machine_code
def anneal(
    problem: Problem,
    place: Placement,
    centre: int,
    region: NDArray[np.bool_],
    tables: DeviceTables,
    moves: int,
    hot: float,
    cold: float,
    seed: int,
) -> float:
    """Improve a placement by random changes, accepted ever more strictly.

    Args:
        problem: what is placed.
        place: where it starts, and the best one found afterwards.
        centre: a device qubit to start around; -1 starts from ``place``.
        region: which device qubits may be used.
        tables: the device.
        moves: how many changes are tried.
        hot: temperature at the start, in units of the cost.
        cold: temperature at the end.
        seed: of all random choices.

    Returns:
        The cost of the best placement; infinite if none is possible here.
    """
    np.random.seed(seed)
    rows = np.zeros((MOST_ROWS, 5), dtype=np.int64)
    native = np.zeros((2 * MOST_ROWS, 4), dtype=np.int64)
    lists = np.zeros(8 * problem.pairs, dtype=np.int64)
    losses = np.zeros((3, problem.strings))
    if centre >= 0:
        cost = start(problem, place, centre, region, tables, rows, native, lists, losses)
    else:
        cost = cost_of(problem, place, tables, rows, native, lists, losses)
    if cost == np.inf:
        return cost
    here = Placement(
        place.site.copy(),
        place.parent.copy(),
        place.scalars.copy(),
        place.path.copy(),
        place.length.copy(),
        place.meet.copy(),
        place.turned.copy(),
        place.flip.copy(),
    )
    before = Placement(
        place.site.copy(),
        place.parent.copy(),
        place.scalars.copy(),
        place.path.copy(),
        place.length.copy(),
        place.meet.copy(),
        place.turned.copy(),
        place.flip.copy(),
    )
    best = cost
    cooling = (cold / hot) ** (1.0 / max(1, moves))
    temperature = hot
    for _ in range(moves):
        temperature *= cooling
        if not change(problem, here, tables):
            copy_placement(before, here)
            continue
        new = cost_of(problem, here, tables, rows, native, lists, losses)
        if new <= cost or np.random.random() < np.exp((cost - new) / temperature):
            cost = new
            copy_placement(here, before)
            if cost < best:
                best = cost
                copy_placement(here, place)
        else:
            copy_placement(before, here)
    return best
