"""Putting one block at random near where its input is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import NODES, ORDER, ROOT, SECOND, are_coupled
from backends.compiling.protocol.core.problem import TREES
from backends.compiling.protocol.core.trees.routing import random_neighbour, route_avoiding
from backends.compiling.protocol.core.trees.tree import shift_centre
from backends.compiling.protocol.multi.layout import (
    Layout,
    block_of,
    has_partner,
)
from backends.compiling.protocol.multi.problem import MultiProblem
from backends.compiling.protocol.multi.roles import (
    clone_site,
    number_on_path,
    path_through,
    read_with,
    shuffle_roles,
    stands_at,
)

_LONGEST_TRANSFER = 8
_STAY = 0.3
_SKIP = 0.2
_NEAREST, _CORNERS = 0.5, 8
_GROWTH_TRIES = 12
_TURN = 0.7


@inner_machine_code
def grow_tree(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    ends: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Grow a tree of signals around the input of a block, whose site is known."""
    pairs = problem.pairs
    site, parent = layout.site[b], layout.parent[b]
    site[pairs:] = -1
    parent[:] = -1
    role = np.empty(pairs, dtype=np.int64)
    for i in range(pairs):
        role[i] = i
    for i in range(pairs - 1, 1, -1):
        j = 1 + np.random.randint(i)
        role[i], role[j] = role[j], role[i]
    for grown in range(1, pairs):
        found = False
        for _ in range(_GROWTH_TRIES):
            onto = role[np.random.randint(grown)]
            there = random_neighbour(tables, site[onto])
            if ends[there]:
                continue
            known = False
            for i in range(grown):
                known = known or site[role[i]] == there
            if not known:
                site[role[grown]] = there
                parent[role[grown]] = onto
                found = True
                break
        if not found:
            return False
    layout.scalars[b, NODES] = pairs
    layout.scalars[b, ROOT] = 0
    layout.scalars[b, SECOND] = role[1]
    if np.random.random() < _TURN:
        shift_centre(block_of(layout, b))
    return True


@inner_machine_code
def _has_site(problem: MultiProblem, layout: Layout, g: int, k: int) -> bool:
    """Whether a key qubit on the path of a clone has a site."""
    return layout.length[problem.path_block[g, k], problem.path_pair[g, k]] > 0


@inner_machine_code
def _mark_far(
    problem: MultiProblem,
    layout: Layout,
    g: int,
    near: int,
    b: int,
    farther: NDArray[np.int64],
) -> None:
    """Note which of two mates is far from the clone: the first tree goes across the other one.

    The other one holds the bit of that tree.
    """
    role, mate = layout.role[g], problem.flat.mate
    for part in range(1, problem.flat.pairs):
        if role[part] == near and mate[part] >= 0:
            lower = min(part, mate[part])
            if problem.path_block[g, lower] == b:
                farther[problem.path_pair[g, lower]] = part != lower


@inner_machine_code
def _free_beside(site: int, ends: NDArray[np.int64], tables: DeviceTables) -> int:
    """A neighbour that can be kept; -1 if there is none."""
    shift = np.random.randint(tables.degree[site])
    for k in range(tables.degree[site]):
        there = tables.neighbours[site, (k + shift) % tables.degree[site]]
        if not ends[there]:
            return there
    return -1


@inner_machine_code
def nearest_room(
    start: int,
    together: bool,
    beside: bool,
    held: NDArray[np.int64],
    ends: NDArray[np.int64],
    goal: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Find a site nearby that can be kept, or two neighbouring ones.

    Args:
        start: a device qubit.
        together: whether two are wanted.
        beside: whether the first of them has to be beside ``start``.
        held: 1 where a device qubit is in use, shape (device qubits,), int64: no way leads across.
        ends: 1 where nothing may stay, likewise.
        goal: the sites that were found, shape (2,), int64; overwritten.
        tables: the device.

    Returns:
        Whether there is room.
    """
    sites = len(tables.degree)
    seen = np.zeros(sites, dtype=np.bool_)
    queue = np.empty(sites, dtype=np.int64)
    queue[0], head, tail = start, 0, 1
    seen[start] = True
    # A corner that is good for nothing else, rather than the nearest site, now and then.
    choices, fewest = (1 if np.random.random() < _NEAREST else _CORNERS), sites
    while head < tail:
        here = queue[head]
        head += 1
        if beside and here != start and not are_coupled(tables, here, start):
            return False
        room = here != start and not ends[here] and np.random.random() > _SKIP
        shift = np.random.randint(tables.degree[here])
        if room and not together:
            free = 0
            for k in range(tables.degree[here]):
                free += not ends[tables.neighbours[here, k]]
            if free < fewest:
                goal[0], fewest = here, free
            choices -= 1
            if choices == 0:
                return True
        elif room:
            for k in range(tables.degree[here]):
                there = tables.neighbours[here, (k + shift) % tables.degree[here]]
                if not ends[there] and there != start:
                    goal[0], goal[1] = here, there
                    return True
        for k in range(tables.degree[here]):
            there = tables.neighbours[here, (k + shift) % tables.degree[here]]
            if not seen[there] and not held[there]:
                seen[there] = True
                queue[tail] = there
                tail += 1
    return fewest < sites


@inner_machine_code
def _home(origin: int, held: NDArray[np.int64], tables: DeviceTables) -> int:
    """Where the input of a block goes: near where it comes from, more or less."""
    sites = len(tables.degree)
    if np.random.random() < _STAY:
        return origin
    depth = np.zeros(sites, dtype=np.int64)
    seen = np.zeros(sites, dtype=np.bool_)
    queue = np.empty(sites, dtype=np.int64)
    queue[0], head, tail = origin, 0, 1
    seen[origin] = True
    while head < tail and depth[queue[head]] < _LONGEST_TRANSFER:
        here = queue[head]
        head += 1
        shift = np.random.randint(tables.degree[here])
        for k in range(tables.degree[here]):
            there = tables.neighbours[here, (k + shift) % tables.degree[here]]
            if not seen[there] and not held[there]:
                seen[there] = True
                depth[there] = depth[here] + 1
                queue[tail] = there
                tail += 1
    nearness = 2.0 ** np.random.randint(6)
    return queue[min(tail - 1, int(-np.log(np.random.random() + 1e-9) * nearness))]


@inner_machine_code
def put_block(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    held: NDArray[np.int64],
    kept: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Put a block at random near where its input is.

    Args:
        problem: what is placed.
        layout: updated; a block without a source keeps the site of its input.
        b: the block.
        held: 1 where a device qubit is in use just before, shape (device qubits,), int64.
        kept: 1 where nothing may stay, likewise.
        tables: the device.

    Returns:
        Whether there is room; the block's paths may still block each other.
    """
    pairs = problem.pairs
    ends = kept.copy()
    home = layout.site[b, 0]
    origin = -1
    if problem.source[b, 0] >= 0:
        origin = layout.site[problem.source[b, 0], problem.source[b, 1]]
        home = _home(origin, held, tables)
        if home != origin and ends[home]:
            return False
        layout.site[b, 0] = home
    ends[home] = 1
    if not grow_tree(problem, layout, b, ends, tables):
        return False
    for i in range(pairs):
        ends[layout.site[b, i]] = 1
    target = np.empty(pairs, dtype=np.int64)
    target[:] = -1
    farther = np.zeros(pairs, dtype=np.int64)
    layout.scalars[b, ORDER] = 0
    return _draw_targets(problem, layout, b, held, ends, target, farther, tables) and _draw_paths(
        problem, layout, b, origin, held, target, farther, tables
    )


@inner_machine_code
def _draw_targets(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    held: NDArray[np.int64],
    ends: NDArray[np.int64],
    target: NDArray[np.int64],
    farther: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Draw sites for the partners of a block whose tree has grown.

    Args:
        problem: what is placed.
        layout: where; roles are drawn anew if the clone is made by this block alone.
        b: the block.
        held: 1 where a device qubit is in use just before, shape (device qubits,), int64.
        ends: 1 where nothing may stay, likewise; updated.
        target: device qubit of each partner, -1 at first, shape (pairs,), int64; overwritten.
        farther: see :attr:`Placement.flip`, zeros at first, shape (pairs,), int64; overwritten.
        tables: the device.

    Returns:
        Whether there is room.
    """
    pairs = problem.pairs
    goal = np.empty(2, dtype=np.int64)
    g = path_through(problem, b)
    clone = -1
    if g >= 0 and problem.path_block[g, problem.flat.pairs - 1] == b:
        clone = clone_site(problem, layout, g)
        if problem.flat.pairs == pairs:
            shuffle_roles(problem, layout, g)
    gathered = clone >= 0 and problem.decoding == TREES and problem.ghz == 1
    shift = np.random.randint(pairs)
    for k in range(pairs):
        i = (k + shift) % pairs
        if target[i] >= 0 or not has_partner(problem, b, i):
            continue
        mate, site = -1, -1
        number = number_on_path(problem, g, b, i) if g >= 0 and i > 0 else -1
        other = read_with(problem, layout, g, number) if number >= 0 else -1
        if other > 0 and problem.path_block[g, other] == b:
            mate = problem.path_pair[g, other]
        elif other > 0 and _has_site(problem, layout, g, other):
            site = stands_at(problem, layout, g, other)
        elif other == 0 and clone >= 0:
            site = clone
        if site >= 0:
            target[i] = _free_beside(site, ends, tables)
            if target[i] < 0:
                return False
            ends[target[i]] = 1
            _mark_far(problem, layout, g, other, b, farther)
            continue
        near = clone if gathered and number >= 0 else layout.site[b, i]
        beside = gathered and number >= 0
        if not nearest_room(near, mate >= 0, beside, held, ends, goal, tables):
            return False
        target[i] = goal[0]
        ends[goal[0]] = 1
        if mate >= 0:
            _mark_far(problem, layout, g, number, b, farther)
            target[mate] = goal[1]
            ends[goal[1]] = 1
    return True


@inner_machine_code
def _draw_paths(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    origin: int,
    held: NDArray[np.int64],
    target: NDArray[np.int64],
    farther: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Draw the paths of a block to the sites of :func:`_draw_targets`, and to where it comes from.

    Args:
        problem: what is placed.
        layout: updated.
        b: the block.
        origin: where its input comes from, -1 if it is made in the block.
        held: 1 where a device qubit is in use just before, shape (device qubits,), int64.
        target: device qubit of each partner, -1 for none, shape (pairs,), int64.
        farther: see :attr:`Placement.flip`, shape (pairs,), int64.
        tables: the device.

    Returns:
        Whether there are paths.
    """
    pairs = problem.pairs
    taken = held.copy()
    if np.random.random() < 0.5:
        for i in range(pairs):
            taken[layout.site[b, i]] = 1
            if target[i] >= 0:
                taken[target[i]] = 1
    placement = block_of(layout, b)
    for i in range(pairs):
        if target[i] >= 0:
            placement.length[i] = 0
            placement.turned[i] = np.random.randint(2)
            placement.flip[i] = farther[i]
            if not route_avoiding(placement, i, target[i], taken, tables, 1.0):
                return False
    if origin >= 0:
        return route_avoiding(placement, 0, origin, held, tables, 1.0)
    if problem.ghz:
        placement.path[0, 0] = layout.site[b, 0]
        placement.length[0] = 1
    return True
