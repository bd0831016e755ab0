"""Changes of a layout that leaves no place free: whoever goes somewhere has to exchange."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.compiled import inner_machine_code
from backends.compiling.protocol.multi.layout import (
    Layout,
    draw_path,
    has_partner,
    held_before,
    last_site,
    stand_beside,
    turn,
)
from backends.compiling.protocol.multi.problem import Patches
from backends.compiling.protocol.multi.roles import mate_in_block
from backends.compiling.protocol.placement import ROOT, SECOND
from backends.compiling.protocol.routing import random_neighbour
from backends.compiling.protocol.tables import DeviceTables

_NOBODY, _PARTNER, _DATA = 0, 1, 2
_LONGEST_WALK = 6
_BLOCKS = 0.15
_SAME_TIME = 0.5


@inner_machine_code
def _residents(patches: Patches, layout: Layout, sites: int) -> NDArray[np.int64]:
    """Who is on each device qubit in the end, as (kind, block, pair)."""
    who = np.zeros((sites, 3), dtype=np.int64)
    for b in range(patches.blocks):
        for i in range(patches.pairs):
            if patches.child[b, i] < 0:
                s = layout.site[b, i]
                who[s, 0], who[s, 1], who[s, 2] = _DATA, b, i
            if has_partner(patches, b, i):
                s = last_site(layout, b, i)
                who[s, 0], who[s, 1], who[s, 2] = _PARTNER, b, i
    return who


@inner_machine_code
def _is_tip(patches: Patches, layout: Layout, b: int, i: int) -> bool:
    """Whether a data qubit is a leaf of its tree, and not at its centre."""
    tip = i != layout.scalars[b, ROOT] and i != layout.scalars[b, SECOND]
    for v in range(patches.pairs):
        tip = tip and layout.parent[b, v] != i
    return tip


@inner_machine_code
def _put(
    patches: Patches,
    layout: Layout,
    kind: int,
    b: int,
    i: int,
    there: int,
    tables: DeviceTables,
) -> bool:
    """Let a partner or a tip of a tree end up on another place."""
    goal = there
    if kind == _DATA:
        # Asked for at once: whoever was put before may hang on it now.
        if not _is_tip(patches, layout, b, i):
            return False
        goal = last_site(layout, b, i)
        found = False
        shift = np.random.randint(patches.pairs)
        for k in range(patches.pairs):
            v = (k + shift) % patches.pairs
            if v != i and stand_beside(tables, layout.site[b, v], there):
                layout.site[b, i], layout.parent[b, i] = there, v
                found = True
                break
        if not found:
            return False
    if has_partner(patches, b, i) and goal == layout.site[b, i]:
        return False
    held = np.empty(len(tables.degree), dtype=np.int64)
    sequence = np.empty(patches.pairs, dtype=np.int64)
    held_before(patches, layout, b, held, sequence)
    held[there] = 0
    return draw_path(layout, b, i, goal, held, tables)


@inner_machine_code
def _exchange_places(patches: Patches, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """A qubit that stays goes somewhere else, and whoever stays there comes here."""
    i = np.random.randint(patches.pairs)
    who = _residents(patches, layout, len(tables.degree))
    if patches.child[b, i] < 0 and np.random.random() < 0.5:
        kind, here = _DATA, layout.site[b, i]
        there = random_neighbour(tables, layout.site[b, np.random.randint(patches.pairs)])
    else:
        if not has_partner(patches, b, i):
            return False
        kind, here = _PARTNER, last_site(layout, b, i)
        there = here if np.random.random() < 0.5 else layout.site[b, i]
        for _ in range(np.random.randint(1, _LONGEST_WALK + 1)):
            there = random_neighbour(tables, there)
    if kind == _PARTNER:
        j = mate_in_block(patches, layout, b, i)
        if j >= 0:
            return _exchange_mates(patches, layout, b, i, j, there, who, tables)
    other, c, k = who[there]
    if here == there or (c == b and k == i and other != _NOBODY):
        return False
    if not _put(patches, layout, kind, b, i, there, tables):
        return False
    return other == _NOBODY or _put(patches, layout, other, c, k, here, tables)


@inner_machine_code
def _exchange_mates(
    patches: Patches,
    layout: Layout,
    b: int,
    i: int,
    j: int,
    there: int,
    who: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Two key qubits that are read together go somewhere else together."""
    places = np.array([there, random_neighbour(tables, there)])
    homes = np.array([last_site(layout, b, i), last_site(layout, b, j)])
    movers = np.array([i, j])
    for m in range(2):
        other, c, k = who[places[m]]
        if other == _PARTNER and c == b and k in (i, j):
            return False
    for m in range(2):
        if not _put(patches, layout, _PARTNER, b, movers[m], places[m], tables):
            return False
    for m in range(2):
        other, c, k = who[places[m]]
        if other != _NOBODY and not _put(patches, layout, other, c, k, homes[m], tables):
            return False
    return True


@inner_machine_code
def _exchange_blocks(patches: Patches, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Two blocks that nobody clones further exchange all their places."""
    c = np.random.randint(patches.blocks)
    for one in (b, c):
        if patches.source[one, 0] < 0 or patches.descendants[one] > 1:
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
        first, second = turn(layout, b), turn(layout, c)
        sources = max(turn(layout, patches.source[b, 0]), turn(layout, patches.source[c, 0]))
        if sources < min(first, second):  # what both clone is there for either
            layout.order[first], layout.order[second] = c, b
    held = np.empty(len(tables.degree), dtype=np.int64)
    sequence = np.empty(patches.pairs, dtype=np.int64)
    held_before(patches, layout, b, held, sequence)
    if not draw_path(layout, b, 0, origin_b, held, tables):
        return False
    held_before(patches, layout, c, held, sequence)
    return draw_path(layout, c, 0, origin_c, held, tables)


@inner_machine_code
def exchange(patches: Patches, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """One random exchange; False if it came to nothing."""
    if np.random.random() < _BLOCKS:
        return _exchange_blocks(patches, layout, b, tables)
    return _exchange_places(patches, layout, b, tables)
