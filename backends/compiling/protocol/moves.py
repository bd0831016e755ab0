"""Random changes of a placement.

Each changes the placement in place and tells whether the result is worth scoring; the caller keeps
a copy to go back to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.compiled import inner_machine_code
from backends.compiling.protocol.placement import (
    DETOUR,
    NODES,
    ORDER,
    ROOT,
    SECOND,
    STAND_IN,
    TIES,
    Placement,
    partner_site,
)
from backends.compiling.protocol.problem import TREES, Problem
from backends.compiling.protocol.routing import FREE, occupied, random_neighbour, route
from backends.compiling.protocol.stand_in import end_site, may_stand_in
from backends.compiling.protocol.tables import DeviceTables

_LONGEST_WALK = 5
_REATTACHED = 0.74
_LONGEST_DETOUR = 8


@inner_machine_code
def _has_children(place: Placement, node: int) -> bool:
    found = False
    for v in range(place.scalars[NODES]):
        found = found or place.parent[v] == node
    return found


@inner_machine_code
def _remove_bridge(place: Placement, node: int) -> None:
    """Take a bridge without children out of the tree."""
    last = place.scalars[NODES] - 1
    if node != last:
        place.site[node] = place.site[last]
        place.parent[node] = place.parent[last]
        for v in range(last):
            if place.parent[v] == last:
                place.parent[v] = node
        for k in (ROOT, SECOND):
            if place.scalars[k] == last:
                place.scalars[k] = node
    place.site[last] = -1
    place.parent[last] = -1
    place.scalars[NODES] = last


@inner_machine_code
def prune(pairs: int, place: Placement) -> None:
    """Take out bridges that lead nowhere."""
    again = True
    while again:
        again = False
        for v in range(place.scalars[NODES] - 1, pairs - 1, -1):
            if v in (place.scalars[ROOT], place.scalars[SECOND]):
                continue
            if not _has_children(place, v):
                _remove_bridge(place, v)
                again = True
                break


@inner_machine_code
def _reroot(place: Placement, root: int, second: int) -> None:
    """Make (root, second), an edge of the tree, its centre."""
    here, above = root, -1
    while here >= 0:
        up = place.parent[here]
        place.parent[here] = above
        above, here = here, up
    place.scalars[ROOT] = root
    place.scalars[SECOND] = second


@inner_machine_code
def shift_centre(place: Placement) -> bool:
    """Another edge of the tree becomes its centre."""
    v = np.random.randint(place.scalars[NODES])
    up = place.parent[v]
    if up < 0:
        return False
    if np.random.random() < 0.5:
        _reroot(place, v, up)
    else:
        _reroot(place, up, v)
    return True


@inner_machine_code
def relocate_leaf(problem: Problem, place: Placement, tables: DeviceTables) -> bool:
    """A data qubit at the rim of the tree is attached somewhere else, perhaps by a bridge."""
    pairs = problem.pairs
    leaf = np.random.randint(pairs)
    if _has_children(place, leaf):
        return False
    if leaf == place.scalars[ROOT] or place.scalars[NODES] <= 2:
        return False
    if leaf == place.scalars[SECOND]:
        # Another child of the root takes its place.
        root = place.scalars[ROOT]
        for v in range(place.scalars[NODES]):
            if place.parent[v] == root and v != leaf:
                place.scalars[SECOND] = v
                break
        if place.scalars[SECOND] == leaf:
            return False
    goal = partner_site(place, leaf)
    old = place.site[leaf]
    taken = np.empty(len(tables.degree), dtype=np.int64)
    occupied(pairs, place, taken)
    taken[old] = FREE
    onto = np.random.randint(place.scalars[NODES])
    if onto == leaf:
        return False
    place_at = random_neighbour(tables, place.site[onto])
    if taken[place_at] != FREE:
        # Onto a bridge: the data qubit takes its role.
        for b in range(pairs, place.scalars[NODES]):
            if place.site[b] == place_at and place.parent[leaf] != b:
                return _replace_bridge(problem, place, leaf, b, goal, taken, tables)
        return False
    if np.random.random() < 0.08 and place.scalars[NODES] < len(place.site):
        far = random_neighbour(tables, place_at)
        if taken[far] != FREE:
            return False
        bridge = place.scalars[NODES]
        place.scalars[NODES] = bridge + 1
        place.site[bridge] = place_at
        place.parent[bridge] = onto
        place.site[leaf] = far
        place.parent[leaf] = bridge
    else:
        place.site[leaf] = place_at
        place.parent[leaf] = onto
    prune(pairs, place)
    occupied(pairs, place, taken)
    return route(place, leaf, goal, taken, tables)


@inner_machine_code
def _replace_bridge(
    problem: Problem,
    place: Placement,
    leaf: int,
    bridge: int,
    goal: int,
    taken: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    place.site[leaf] = place.site[bridge]
    place.parent[leaf] = place.parent[bridge]
    for v in range(place.scalars[NODES]):
        if place.parent[v] == bridge and v != leaf:
            place.parent[v] = leaf
    for k in (ROOT, SECOND):
        if place.scalars[k] == bridge:
            place.scalars[k] = leaf
    _remove_bridge(place, bridge)
    prune(problem.pairs, place)
    occupied(problem.pairs, place, taken)
    return route(place, leaf, goal, taken, tables)


@inner_machine_code
def reattach(place: Placement, tables: DeviceTables) -> bool:
    """A node hangs on another of its neighbours."""
    v = np.random.randint(place.scalars[NODES])
    if place.parent[v] < 0 or v == place.scalars[SECOND]:
        return False
    beside = random_neighbour(tables, place.site[v])
    for u in range(place.scalars[NODES]):
        if place.site[u] == beside:
            if u == place.parent[v]:
                return False
            up = u
            while up >= 0:
                if up == v:
                    return False
                up = place.parent[up]
            place.parent[v] = u
            return True
    return False


@inner_machine_code
def relocate_partner(problem: Problem, place: Placement, tables: DeviceTables) -> bool:
    """A key qubit, with the one it is read with, or R, goes somewhere else."""
    i = np.random.randint(problem.pairs)
    j, centre = problem.mate[i], -1
    stand_in = place.scalars[STAND_IN]
    if i == 0 and problem.beside_clone:
        centre = end_site(problem, place)
    elif stand_in > 0 and i == stand_in:
        j = -1
    elif stand_in > 0 and j == stand_in:
        j, centre = -1, place.site[problem.clone]
    taken = np.empty(len(tables.degree), dtype=np.int64)
    occupied(problem.pairs, place, taken)
    taken[partner_site(place, i)] = FREE
    if j >= 0:
        taken[partner_site(place, j)] = FREE
    if centre >= 0:
        site = random_neighbour(tables, centre)
    else:
        site = place.site[i] if np.random.random() < 0.5 else partner_site(place, i)
        for _ in range(np.random.randint(1, _LONGEST_WALK + 1)):
            site = random_neighbour(tables, site)
    if taken[site] != FREE:
        return False
    if j < 0:
        return route(place, i, site, taken, tables)
    other = random_neighbour(tables, site)
    if taken[other] != FREE or other == site:
        return False
    return route(place, i, site, taken, tables) and route(place, j, other, taken, tables)


@inner_machine_code
def keep_beside(problem: Problem, place: Placement, tables: DeviceTables) -> None:
    """R, and the key qubit that is read with the clone's own, follow to where these have gone.

    If there is room: a placement where they stand apart is not refused, it only costs more.
    """
    stand_in = place.scalars[STAND_IN]
    for pair in (problem.mate[stand_in] if stand_in > 0 else -1, 0 if problem.beside_clone else -1):
        if pair < 0:
            continue
        centre = place.site[problem.clone] if pair > 0 else end_site(problem, place)
        here = partner_site(place, pair)
        if tables.native[centre, here] or tables.native[here, centre]:
            continue
        taken = np.empty(len(tables.degree), dtype=np.int64)
        occupied(problem.pairs, place, taken)
        there = random_neighbour(tables, centre)
        if taken[there] == FREE:
            route(place, pair, there, taken, tables)


@inner_machine_code
def hand_over(problem: Problem, place: Placement, tables: DeviceTables) -> bool:
    """Another qubit hands back the clone: its own, or that of a key."""
    old, new = place.scalars[STAND_IN], np.random.randint(problem.pairs)
    if new == old or (new > 0 and not may_stand_in(problem, new)):
        return False
    place.scalars[STAND_IN] = new
    if old > 0 and problem.mate[old] != new:
        # It is read with its mate again.
        here = partner_site(place, problem.mate[old])
        there = random_neighbour(tables, here)
        taken = np.empty(len(tables.degree), dtype=np.int64)
        occupied(problem.pairs, place, taken)
        taken[partner_site(place, old)] = FREE
        if taken[there] == FREE:
            route(place, old, there, taken, tables)
    keep_beside(problem, place, tables)
    return True


@inner_machine_code
def exchange_positions(problem: Problem, place: Placement, tables: DeviceTables) -> bool:
    """Two data qubits exchange their places in the tree; their partners stay where they are."""
    i, j = np.random.randint(problem.pairs), np.random.randint(problem.pairs)
    if i == j:
        return False
    place.site[i], place.site[j] = place.site[j], place.site[i]
    # Whoever pointed to one points to the other.
    a, b = place.parent[i], place.parent[j]
    for v in range(place.scalars[NODES]):
        if v in (i, j):
            continue
        if place.parent[v] == i:
            place.parent[v] = j
        elif place.parent[v] == j:
            place.parent[v] = i
    place.parent[i] = j if b == i else b
    place.parent[j] = i if a == j else a
    for k in (ROOT, SECOND):
        if place.scalars[k] == i:
            place.scalars[k] = j
        elif place.scalars[k] == j:
            place.scalars[k] = i
    taken = np.empty(len(tables.degree), dtype=np.int64)
    occupied(problem.pairs, place, taken)
    return route(place, i, partner_site(place, i), taken, tables) and route(
        place, j, partner_site(place, j), taken, tables
    )


@inner_machine_code
def change_detail(problem: Problem, place: Placement, tables: DeviceTables) -> bool:
    """Another way, another meeting point, another control, or another decoding tree first."""
    i = np.random.randint(problem.pairs)
    kind = np.random.random()
    if kind < 0.4:
        taken = np.empty(len(tables.degree), dtype=np.int64)
        occupied(problem.pairs, place, taken)
        return route(place, i, partner_site(place, i), taken, tables)
    if kind < 0.7:
        meet = np.random.randint(place.length[i] - 1)
        if meet == place.meet[i]:
            return False
        place.meet[i] = meet
        return True
    if kind < 0.85 or problem.decoding != TREES:
        place.turned[i] = 1 - place.turned[i]
        return True
    if kind < 0.92:
        place.flip[i] = 1 - place.flip[i]
        return problem.mate[i] > i
    if kind < 0.95:
        place.scalars[ORDER] = np.random.randint(12)
    elif kind < 0.97:
        place.scalars[DETOUR] = np.random.randint(1, _LONGEST_DETOUR + 1)
    else:
        place.scalars[TIES] ^= 1 << np.random.randint(10)
    return True


@inner_machine_code
def change(problem: Problem, place: Placement, tables: DeviceTables) -> bool:
    """One random change; False if it came to nothing."""
    kind = np.random.random()
    if kind < 0.66:
        if kind < 0.24:
            works = relocate_leaf(problem, place, tables)
        elif kind < 0.46:
            works = relocate_partner(problem, place, tables)
        else:
            works = exchange_positions(problem, place, tables)
        if works:
            keep_beside(problem, place, tables)
        return works
    if kind < 0.70:
        return shift_centre(place)
    if kind < 0.76:
        hands = problem.stand_ins > 0 and kind >= _REATTACHED
        return hand_over(problem, place, tables) if hands else reattach(place, tables)
    return change_detail(problem, place, tables)
