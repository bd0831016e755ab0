"""Random changes of a placement.

Each changes the placement in place and tells whether the result is worth scoring; the caller keeps
a copy to go back to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import (
    DETOUR,
    NODES,
    ORDER,
    ROOT,
    SECOND,
    STAND_IN,
    TIES,
    Placement,
    are_coupled,
    partner_site,
)
from backends.compiling.protocol.core.problem import TREES, Problem
from backends.compiling.protocol.core.trees.roles import end_site, may_stand_in
from backends.compiling.protocol.core.trees.routing import (
    FREE,
    mark_occupied,
    random_neighbour,
    route,
)
from backends.compiling.protocol.core.trees.tree import exchange_nodes, reattach, shift_centre

_LONGEST_WALK = 5
_REATTACHED = 0.74
_LONGEST_DETOUR = 8


@inner_machine_code
def _has_children(placement: Placement, node: int) -> bool:
    found = False
    for v in range(placement.scalars[NODES]):
        found = found or placement.parent[v] == node
    return found


@inner_machine_code
def _remove_bridge(placement: Placement, node: int) -> None:
    """Take a bridge without children out of the tree."""
    last = placement.scalars[NODES] - 1
    if node != last:
        placement.site[node] = placement.site[last]
        placement.parent[node] = placement.parent[last]
        for v in range(last):
            if placement.parent[v] == last:
                placement.parent[v] = node
        for k in (ROOT, SECOND):
            if placement.scalars[k] == last:
                placement.scalars[k] = node
    placement.site[last] = -1
    placement.parent[last] = -1
    placement.scalars[NODES] = last


@inner_machine_code
def prune(pairs: int, placement: Placement) -> None:
    """Take out bridges that lead nowhere."""
    again = True
    while again:
        again = False
        for v in range(placement.scalars[NODES] - 1, pairs - 1, -1):
            if v in (placement.scalars[ROOT], placement.scalars[SECOND]):
                continue
            if not _has_children(placement, v):
                _remove_bridge(placement, v)
                again = True
                break


@inner_machine_code
def relocate_leaf(problem: Problem, placement: Placement, tables: DeviceTables) -> bool:
    """Attach a data qubit at the rim of the tree somewhere else, perhaps by a bridge."""
    pairs = problem.pairs
    leaf = np.random.randint(pairs)
    if _has_children(placement, leaf):
        return False
    if leaf == placement.scalars[ROOT] or placement.scalars[NODES] <= 2:
        return False
    if leaf == placement.scalars[SECOND]:
        # Another child of the root becomes the other end of the centre.
        root = placement.scalars[ROOT]
        for v in range(placement.scalars[NODES]):
            if placement.parent[v] == root and v != leaf:
                placement.scalars[SECOND] = v
                break
        if placement.scalars[SECOND] == leaf:
            return False
    goal = partner_site(placement, leaf)
    old = placement.site[leaf]
    taken = np.empty(len(tables.degree), dtype=np.int64)
    mark_occupied(pairs, placement, taken)
    taken[old] = FREE
    onto = np.random.randint(placement.scalars[NODES])
    if onto == leaf:
        return False
    there = random_neighbour(tables, placement.site[onto])
    if taken[there] != FREE:
        # Onto a bridge: the data qubit takes its role.
        for b in range(pairs, placement.scalars[NODES]):
            if placement.site[b] == there and placement.parent[leaf] != b:
                return _replace_bridge(problem, placement, leaf, b, goal, taken, tables)
        return False
    if np.random.random() < 0.08 and placement.scalars[NODES] < len(placement.site):
        far = random_neighbour(tables, there)
        if taken[far] != FREE:
            return False
        bridge = placement.scalars[NODES]
        placement.scalars[NODES] = bridge + 1
        placement.site[bridge] = there
        placement.parent[bridge] = onto
        placement.site[leaf] = far
        placement.parent[leaf] = bridge
    else:
        placement.site[leaf] = there
        placement.parent[leaf] = onto
    prune(pairs, placement)
    mark_occupied(pairs, placement, taken)
    return route(placement, leaf, goal, taken, tables)


@inner_machine_code
def _replace_bridge(
    problem: Problem,
    placement: Placement,
    leaf: int,
    bridge: int,
    goal: int,
    taken: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    placement.site[leaf] = placement.site[bridge]
    placement.parent[leaf] = placement.parent[bridge]
    for v in range(placement.scalars[NODES]):
        if placement.parent[v] == bridge and v != leaf:
            placement.parent[v] = leaf
    for k in (ROOT, SECOND):
        if placement.scalars[k] == bridge:
            placement.scalars[k] = leaf
    _remove_bridge(placement, bridge)
    prune(problem.pairs, placement)
    mark_occupied(problem.pairs, placement, taken)
    return route(placement, leaf, goal, taken, tables)


@inner_machine_code
def relocate_partner(problem: Problem, placement: Placement, tables: DeviceTables) -> bool:
    """Move a key qubit, with the one it is read with, or R, somewhere else."""
    i = np.random.randint(problem.pairs)
    j, centre = problem.mate[i], -1
    stand_in = placement.scalars[STAND_IN]
    if i == 0 and problem.beside_clone:
        centre = end_site(problem, placement)
    elif stand_in > 0 and i == stand_in:
        j = -1
    elif stand_in > 0 and j == stand_in:
        j, centre = -1, placement.site[problem.clone]
    taken = np.empty(len(tables.degree), dtype=np.int64)
    mark_occupied(problem.pairs, placement, taken)
    taken[partner_site(placement, i)] = FREE
    if j >= 0:
        taken[partner_site(placement, j)] = FREE
    if centre >= 0:
        site = random_neighbour(tables, centre)
    else:
        site = placement.site[i] if np.random.random() < 0.5 else partner_site(placement, i)
        for _ in range(np.random.randint(1, _LONGEST_WALK + 1)):
            site = random_neighbour(tables, site)
    if taken[site] != FREE:
        return False
    if j < 0:
        return route(placement, i, site, taken, tables)
    other = random_neighbour(tables, site)
    if taken[other] != FREE or other == site:
        return False
    return route(placement, i, site, taken, tables) and route(placement, j, other, taken, tables)


@inner_machine_code
def keep_beside(problem: Problem, placement: Placement, tables: DeviceTables) -> None:
    """Let R, and the key qubit that is read with the clone's own, follow to where these have gone.

    If there is room: a placement where they stand apart is not refused, it only costs more.
    """
    stand_in = placement.scalars[STAND_IN]
    for pair in (problem.mate[stand_in] if stand_in > 0 else -1, 0 if problem.beside_clone else -1):
        if pair < 0:
            continue
        centre = placement.site[problem.clone] if pair > 0 else end_site(problem, placement)
        here = partner_site(placement, pair)
        if are_coupled(tables, centre, here):
            continue
        taken = np.empty(len(tables.degree), dtype=np.int64)
        mark_occupied(problem.pairs, placement, taken)
        there = random_neighbour(tables, centre)
        if taken[there] == FREE:
            route(placement, pair, there, taken, tables)


@inner_machine_code
def hand_over(problem: Problem, placement: Placement, tables: DeviceTables) -> bool:
    """Let another qubit hand back the clone: its own, or that of a key."""
    old, new = placement.scalars[STAND_IN], np.random.randint(problem.pairs)
    if new == old or (new > 0 and not may_stand_in(problem, new)):
        return False
    placement.scalars[STAND_IN] = new
    if old > 0 and problem.mate[old] != new:
        # It is read with its mate again.
        here = partner_site(placement, problem.mate[old])
        there = random_neighbour(tables, here)
        taken = np.empty(len(tables.degree), dtype=np.int64)
        mark_occupied(problem.pairs, placement, taken)
        taken[partner_site(placement, old)] = FREE
        if taken[there] == FREE:
            route(placement, old, there, taken, tables)
    keep_beside(problem, placement, tables)
    return True


@inner_machine_code
def exchange_positions(problem: Problem, placement: Placement, tables: DeviceTables) -> bool:
    """Exchange the positions of two data qubits in the tree; their partners stay on their sites."""
    i, j = np.random.randint(problem.pairs), np.random.randint(problem.pairs)
    if i == j:
        return False
    exchange_nodes(placement, i, j)
    taken = np.empty(len(tables.degree), dtype=np.int64)
    mark_occupied(problem.pairs, placement, taken)
    return route(placement, i, partner_site(placement, i), taken, tables) and route(
        placement, j, partner_site(placement, j), taken, tables
    )


@inner_machine_code
def change_detail(problem: Problem, placement: Placement, tables: DeviceTables) -> bool:
    """Change a path, a meeting point, a control, or which decoding tree comes first."""
    i = np.random.randint(problem.pairs)
    kind = np.random.random()
    if kind < 0.4:
        taken = np.empty(len(tables.degree), dtype=np.int64)
        mark_occupied(problem.pairs, placement, taken)
        return route(placement, i, partner_site(placement, i), taken, tables)
    if kind < 0.7:
        meet = np.random.randint(placement.length[i] - 1)
        if meet == placement.meet[i]:
            return False
        placement.meet[i] = meet
        return True
    if kind < 0.85 or problem.decoding != TREES:
        placement.turned[i] = 1 - placement.turned[i]
        return True
    if kind < 0.92:
        placement.flip[i] = 1 - placement.flip[i]
        return problem.mate[i] > i
    if kind < 0.95:
        placement.scalars[ORDER] = np.random.randint(12)
    elif kind < 0.97:
        placement.scalars[DETOUR] = np.random.randint(1, _LONGEST_DETOUR + 1)
    else:
        placement.scalars[TIES] ^= 1 << np.random.randint(10)
    return True


@inner_machine_code
def change(problem: Problem, placement: Placement, tables: DeviceTables) -> bool:
    """Make one random change; False if it came to nothing."""
    kind = np.random.random()
    if kind < 0.66:
        if kind < 0.24:
            works = relocate_leaf(problem, placement, tables)
        elif kind < 0.46:
            works = relocate_partner(problem, placement, tables)
        else:
            works = exchange_positions(problem, placement, tables)
        if works:
            keep_beside(problem, placement, tables)
        return works
    if kind < 0.70:
        return shift_centre(placement)
    if kind < 0.76:
        hands = problem.stand_ins > 0 and kind >= _REATTACHED
        return hand_over(problem, placement, tables) if hands else reattach(placement, tables)
    return change_detail(problem, placement, tables)
