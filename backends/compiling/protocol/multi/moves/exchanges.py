"""Changes of a layout that leaves no site free: a qubit can only move by an exchange."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import ROOT, SECOND, are_coupled
from backends.compiling.protocol.core.trees.routing import random_neighbour
from backends.compiling.protocol.multi.layout import (
    Layout,
    draw_path,
    has_partner,
    held_before,
    last_site,
    position_of,
)
from backends.compiling.protocol.multi.problem import MultiProblem
from backends.compiling.protocol.multi.roles import mate_in_block

_EMPTY, _PARTNER, _DATA = 0, 1, 2
_LONGEST_WALK = 6
_BLOCKS = 0.15
_SAME_TIME = 0.5


@inner_machine_code
def _residents(problem: MultiProblem, layout: Layout, sites: int) -> NDArray[np.int64]:
    """What each device qubit holds in the end, as (kind, block, pair), shape (sites, 3), int64."""
    who = np.zeros((sites, 3), dtype=np.int64)
    for b in range(problem.blocks):
        for i in range(problem.pairs):
            if problem.child[b, i] < 0:
                s = layout.site[b, i]
                who[s, 0], who[s, 1], who[s, 2] = _DATA, b, i
            if has_partner(problem, b, i):
                s = last_site(layout, b, i)
                who[s, 0], who[s, 1], who[s, 2] = _PARTNER, b, i
    return who


@inner_machine_code
def _is_tip(problem: MultiProblem, layout: Layout, b: int, i: int) -> bool:
    """Whether a data qubit is a leaf of its tree, and not at its centre."""
    tip = i != layout.scalars[b, ROOT] and i != layout.scalars[b, SECOND]
    for v in range(problem.pairs):
        tip = tip and layout.parent[b, v] != i
    return tip


@inner_machine_code
def _put(
    problem: MultiProblem,
    layout: Layout,
    kind: int,
    b: int,
    i: int,
    there: int,
    tables: DeviceTables,
) -> bool:
    """Let a partner or a tip of a tree end up on another site."""
    goal = there
    if kind == _DATA:
        # Asked again: a qubit that was put before may hang on it now.
        if not _is_tip(problem, layout, b, i):
            return False
        goal = last_site(layout, b, i)
        found = False
        shift = np.random.randint(problem.pairs)
        for k in range(problem.pairs):
            v = (k + shift) % problem.pairs
            if v != i and are_coupled(tables, layout.site[b, v], there):
                layout.site[b, i], layout.parent[b, i] = there, v
                found = True
                break
        if not found:
            return False
    if has_partner(problem, b, i) and goal == layout.site[b, i]:
        return False
    held = np.empty(len(tables.degree), dtype=np.int64)
    sequence = np.empty(problem.pairs, dtype=np.int64)
    held_before(problem, layout, b, held, sequence)
    held[there] = 0
    return draw_path(layout, b, i, goal, held, tables)


@inner_machine_code
def _exchange_sites(problem: MultiProblem, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Exchange the sites of a qubit that stays and of what stays on another site."""
    i = np.random.randint(problem.pairs)
    who = _residents(problem, layout, len(tables.degree))
    if problem.child[b, i] < 0 and np.random.random() < 0.5:
        kind, here = _DATA, layout.site[b, i]
        there = random_neighbour(tables, layout.site[b, np.random.randint(problem.pairs)])
    else:
        if not has_partner(problem, b, i):
            return False
        kind, here = _PARTNER, last_site(layout, b, i)
        there = here if np.random.random() < 0.5 else layout.site[b, i]
        for _ in range(np.random.randint(1, _LONGEST_WALK + 1)):
            there = random_neighbour(tables, there)
    if kind == _PARTNER:
        j = mate_in_block(problem, layout, b, i)
        if j >= 0:
            return _exchange_mates(problem, layout, b, i, j, there, who, tables)
    other, c, k = who[there]
    if here == there or (c == b and k == i and other != _EMPTY):
        return False
    if not _put(problem, layout, kind, b, i, there, tables):
        return False
    return other == _EMPTY or _put(problem, layout, other, c, k, here, tables)


@inner_machine_code
def _exchange_mates(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    i: int,
    j: int,
    there: int,
    who: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Move two key qubits that are read together somewhere else, by exchanges."""
    sites = np.array([there, random_neighbour(tables, there)])
    homes = np.array([last_site(layout, b, i), last_site(layout, b, j)])
    movers = np.array([i, j])
    for m in range(2):
        other, c, k = who[sites[m]]
        if other == _PARTNER and c == b and k in (i, j):
            return False
    for m in range(2):
        if not _put(problem, layout, _PARTNER, b, movers[m], sites[m], tables):
            return False
    for m in range(2):
        other, c, k = who[sites[m]]
        if other != _EMPTY and not _put(problem, layout, other, c, k, homes[m], tables):
            return False
    return True


@inner_machine_code
def _exchange_blocks(problem: MultiProblem, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Exchange all sites of two blocks that are not cloned further."""
    c = np.random.randint(problem.blocks)
    for one in (b, c):
        if problem.source[one, 0] < 0 or problem.descendants[one] > 1:
            return False
    if b == c:
        return False
    origin_b, origin_c = last_site(layout, b, 0), last_site(layout, c, 0)
    for array in (layout.site, layout.parent, layout.scalars, layout.flip):
        kept = array[b].copy()
        array[b] = array[c]
        array[c] = kept
    for array in (layout.length, layout.meet, layout.turned):
        kept = array[b].copy()
        array[b] = array[c]
        array[c] = kept
    path = layout.path[b].copy()
    layout.path[b] = layout.path[c]
    layout.path[c] = path
    if np.random.random() < _SAME_TIME:
        first, second = position_of(layout, b), position_of(layout, c)
        sources = max(
            position_of(layout, problem.source[b, 0]), position_of(layout, problem.source[c, 0])
        )
        if sources < min(first, second):  # what both clone is there for either
            layout.order[first], layout.order[second] = c, b
    held = np.empty(len(tables.degree), dtype=np.int64)
    sequence = np.empty(problem.pairs, dtype=np.int64)
    held_before(problem, layout, b, held, sequence)
    if not draw_path(layout, b, 0, origin_b, held, tables):
        return False
    held_before(problem, layout, c, held, sequence)
    return draw_path(layout, c, 0, origin_c, held, tables)


@inner_machine_code
def exchange(problem: MultiProblem, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Make one random exchange; False if it came to nothing."""
    if np.random.random() < _BLOCKS:
        return _exchange_blocks(problem, layout, b, tables)
    return _exchange_sites(problem, layout, b, tables)
