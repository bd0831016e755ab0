"""Random changes of a layout.

Each changes the layout in place and tells whether the result is worth scoring; the caller keeps a
copy to go back to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.compiled import inner_machine_code
from backends.compiling.protocol.decoding import TREE_ORDERS
from backends.compiling.protocol.moves import reattach, shift_centre
from backends.compiling.protocol.multi.exchanges import exchange
from backends.compiling.protocol.multi.growing import (
    move_inputs,
    regrow,
    reorder,
    used_after,
)
from backends.compiling.protocol.multi.layout import (
    CENTRE,
    STEEP,
    Layout,
    block_of,
    draw_path,
    has_partner,
    held_before,
    last_site,
    stand_beside,
)
from backends.compiling.protocol.multi.problem import Patches
from backends.compiling.protocol.multi.roles import (
    NOBODY,
    clone_site,
    counted,
    exchange_roles,
    path_through,
    read_with,
    stands_at,
)
from backends.compiling.protocol.placement import DETOUR, ORDER, ROOT, SECOND, TIES
from backends.compiling.protocol.problem import TREES
from backends.compiling.protocol.routing import random_neighbour
from backends.compiling.protocol.tables import DeviceTables

_LONGEST_WALK = 5
_LONGEST_DETOUR, _TIE_BITS = 8, 10
_ON_PATH = 0.4
_TO_MATE = 0.2
_REGROW_TRIES = 6
_EXCHANGE = 0.4


@inner_machine_code
def _around(
    patches: Patches,
    layout: Layout,
    b: int,
    held: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> None:
    """What is in use before a block, and where nothing of it may stay, its own places included."""
    sequence = np.empty(patches.pairs, dtype=np.int64)
    nobody = np.zeros(patches.blocks, dtype=np.bool_)
    held_before(patches, layout, b, held, sequence)
    ends[:] = held
    if layout.crowded[0] == 0 and np.random.random() < 0.9:
        used_after(patches, layout, b, nobody, ends)
    if patches.source[b, 0] >= 0:
        ends[last_site(layout, b, 0)] = 0
    for i in range(patches.pairs):
        ends[layout.site[b, i]] = 1
        if has_partner(patches, b, i):
            ends[last_site(layout, b, i)] = 1


@inner_machine_code
def _route(
    patches: Patches,
    layout: Layout,
    b: int,
    pair: int,
    goal: int,
    held: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Draw the path of a pair to its partner, or of an input to where it comes from."""
    if pair == 0 and patches.ghz:
        layout.path[b, 0, 0] = layout.site[b, 0]
        layout.length[b, 0] = 1
        return True
    comes = pair == 0 and patches.source[b, 0] >= 0
    if goal == layout.site[b, pair] and not comes:
        return False
    if np.random.random() < 0.5:
        return draw_path(layout, b, pair, goal, held, tables)
    taken = held.copy()
    for i in range(patches.pairs):
        if i != pair:
            taken[layout.site[b, i]] = 1
            if has_partner(patches, b, i):
                taken[last_site(layout, b, i)] = 1
    return draw_path(layout, b, pair, goal, taken, tables)


@inner_machine_code
def _follow(patches: Patches, layout: Layout, b: int, pair: int, tables: DeviceTables) -> bool:
    """Whoever encrypts a data qubit that has moved fetches it from its new place."""
    c = patches.child[b, pair]
    if c < 0:
        return True
    held = np.empty(len(tables.degree), dtype=np.int64)
    sequence = np.empty(patches.pairs, dtype=np.int64)
    held_before(patches, layout, c, held, sequence)
    return _route(patches, layout, c, 0, layout.site[b, pair], held, tables)


@inner_machine_code
def _relocate_partner(patches: Patches, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """A key qubit, with the one it is read with, or R, goes somewhere else."""
    i = np.random.randint(patches.pairs)
    if not has_partner(patches, b, i):
        return False
    held = np.empty(len(tables.degree), dtype=np.int64)
    ends = np.empty(len(tables.degree), dtype=np.int64)
    _around(patches, layout, b, held, ends)
    g = path_through(patches, b)
    number = counted(patches, g, b, i) if g >= 0 and i > 0 else NOBODY
    mate = read_with(patches, layout, g, number) if number >= 0 else NOBODY
    c, j, centre = NOBODY, NOBODY, NOBODY
    if mate > 0:
        c, j = patches.path_block[g, mate], patches.path_pair[g, mate]
    if i == 0 and patches.beside_clone:
        centre = stands_at(patches, layout, 0, layout.role[0, 0])
    elif mate == 0 or (mate > 0 and np.random.random() < (_TO_MATE if c == b else 0.5)):
        centre, j = stands_at(patches, layout, g, mate), NOBODY
    ends[last_site(layout, b, i)] = 0
    if j >= 0 and c == b:
        ends[last_site(layout, b, j)] = 0
    if centre >= 0:
        site = random_neighbour(tables, centre)
    else:
        site = layout.site[b, i] if np.random.random() < 0.5 else last_site(layout, b, i)
        steps = np.random.randint(1, _LONGEST_WALK + 1)
        gathered = patches.ghz == 1 and patches.decoding == TREES and number >= 0
        if gathered and np.random.random() < 0.6:
            site, steps = clone_site(patches, layout, g), 1
        for _ in range(steps):
            site = random_neighbour(tables, site)
    if ends[site] or not _route(patches, layout, b, i, site, held, tables):
        return False
    if j < 0:
        return True
    other = random_neighbour(tables, site)
    if c == b:
        free = not ends[other] and other != site
        return free and _route(patches, layout, b, j, other, held, tables)
    _settle(patches, layout, c, j, other, tables)
    return True


@inner_machine_code
def _settle(
    patches: Patches, layout: Layout, b: int, pair: int, site: int, tables: DeviceTables
) -> None:
    """A key qubit goes to a place if that is free."""
    held = np.empty(len(tables.degree), dtype=np.int64)
    ends = np.empty(len(tables.degree), dtype=np.int64)
    _around(patches, layout, b, held, ends)
    ends[last_site(layout, b, pair)] = 0
    if not ends[site]:
        _route(patches, layout, b, pair, site, held, tables)


@inner_machine_code
def _bring_together(patches: Patches, layout: Layout, g: int, k: int, tables: DeviceTables) -> None:
    """Who is read with a qubit, or the qubit itself, comes to stand beside the other.

    If there is room: a layout where they stand apart is not refused, it only costs more.
    """
    mate = read_with(patches, layout, g, k)
    if mate < 0:
        return
    here, there = stands_at(patches, layout, g, k), stands_at(patches, layout, g, mate)
    if stand_beside(tables, here, there):
        return
    if mate == 0 or (k > 0 and np.random.random() < 0.5):
        mate, here = k, there
    site = random_neighbour(tables, here)
    b, pair = patches.path_block[g, mate], patches.path_pair[g, mate]
    _settle(patches, layout, b, pair, site, tables)


@inner_machine_code
def _hand_over(patches: Patches, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Two qubits on the path of a clone exchange their roles in decryption."""
    g = path_through(patches, b)
    if g < 0:
        return False
    before = layout.role[g].copy()
    if not exchange_roles(patches, layout, g):
        return False
    for k in range(patches.flat.pairs):
        if layout.role[g, k] != before[k]:
            _bring_together(patches, layout, g, layout.role[g, k], tables)
    return True


@inner_machine_code
def _keep_beside(patches: Patches, layout: Layout, b: int, tables: DeviceTables) -> None:
    """The key qubit that is read with a clone's own qubit follows to where the clone has gone."""
    g = path_through(patches, b)
    if g >= 0 and patches.path_block[g, patches.flat.pairs - 1] == b:
        _bring_together(patches, layout, g, 0, tables)


@inner_machine_code
def _relocate_leaf(patches: Patches, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """A data qubit at the rim of a tree is attached somewhere else."""
    pairs = patches.pairs
    leaf = np.random.randint(pairs)
    for v in range(pairs):
        if layout.parent[b, v] == leaf and leaf != layout.scalars[b, ROOT]:
            return False
    root = layout.scalars[b, ROOT]
    if leaf == root:
        below = 0
        for v in range(pairs):
            below += layout.parent[b, v] == root
        if below != 1:
            return False
        # Its only child becomes the root.
        heir = layout.scalars[b, SECOND]
        layout.parent[b, heir] = -1
        layout.parent[b, root] = heir
        layout.scalars[b, ROOT] = heir
        layout.scalars[b, SECOND] = root
        root = heir
    if leaf == layout.scalars[b, SECOND]:
        for v in range(pairs):
            if layout.parent[b, v] == root and v != leaf:
                layout.scalars[b, SECOND] = v
                break
    held = np.empty(len(tables.degree), dtype=np.int64)
    ends = np.empty(len(tables.degree), dtype=np.int64)
    _around(patches, layout, b, held, ends)
    if patches.ghz and leaf == 0:
        held[layout.site[b, 0]] = 0
    goal = last_site(layout, b, leaf)
    ends[layout.site[b, leaf]] = 0
    onto = np.random.randint(pairs)
    if onto == leaf:
        return False
    there = random_neighbour(tables, layout.site[b, onto])
    if ends[there]:
        return False
    layout.site[b, leaf] = there
    layout.parent[b, leaf] = onto
    if leaf == layout.scalars[b, SECOND] and onto != root:
        # There was no other child of the root: another edge is the centre.
        return False
    return _route(patches, layout, b, leaf, goal, held, tables) and _follow(
        patches, layout, b, leaf, tables
    )


@inner_machine_code
def _exchange(patches: Patches, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Two data qubits exchange their places in the tree; their partners stay where they are."""
    i, j = np.random.randint(patches.pairs), np.random.randint(patches.pairs)
    if i == j:
        return False
    held = np.empty(len(tables.degree), dtype=np.int64)
    sequence = np.empty(patches.pairs, dtype=np.int64)
    goal_i, goal_j = last_site(layout, b, i), last_site(layout, b, j)
    site, parent = layout.site[b], layout.parent[b]
    site[i], site[j] = site[j], site[i]
    above_i, above_j = parent[i], parent[j]
    for v in range(patches.pairs):
        if v not in (i, j):
            if parent[v] == i:
                parent[v] = j
            elif parent[v] == j:
                parent[v] = i
    parent[i] = j if above_j == i else above_j
    parent[j] = i if above_i == j else above_i
    for k in (ROOT, SECOND):
        if layout.scalars[b, k] == i:
            layout.scalars[b, k] = j
        elif layout.scalars[b, k] == j:
            layout.scalars[b, k] = i
    held_before(patches, layout, b, held, sequence)
    return (
        _route(patches, layout, b, i, goal_i, held, tables)
        and _route(patches, layout, b, j, goal_j, held, tables)
        and _follow(patches, layout, b, i, tables)
        and _follow(patches, layout, b, j, tables)
    )


@inner_machine_code
def _change_detail(patches: Patches, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Another way, another meeting point, another control, another order of decoding."""
    i = np.random.randint(patches.pairs)
    kind = np.random.random()
    if patches.ghz and kind < 0.2:
        if kind < 0.03:
            layout.wire[STEEP] = 1 - layout.wire[STEEP]
        elif kind < 0.06:
            layout.wire[CENTRE] = np.random.randint(patches.blocks)
        else:
            one = np.random.randint(len(layout.rank))
            other = np.random.randint(len(layout.rank))
            layout.rank[one], layout.rank[other] = layout.rank[other], layout.rank[one]
        return True
    if kind < 0.5:
        held = np.empty(len(tables.degree), dtype=np.int64)
        sequence = np.empty(patches.pairs, dtype=np.int64)
        held_before(patches, layout, b, held, sequence)
        return _route(patches, layout, b, i, last_site(layout, b, i), held, tables)
    if not has_partner(patches, b, i):
        return False
    if kind < 0.8:
        meet = np.random.randint(layout.length[b, i] - 1)
        if meet == layout.meet[b, i]:
            return False
        layout.meet[b, i] = meet
        return True
    if kind < 0.87 or patches.decoding != TREES:
        layout.turned[b, i] = 1 - layout.turned[b, i]
        return True
    if kind < 0.95:
        layout.flip[b, i] = 1 - layout.flip[b, i]
        g = path_through(patches, b)
        number = counted(patches, g, b, i) if g >= 0 else NOBODY
        return number >= 0 and patches.flat.mate[number] > number
    if kind < 0.98:
        layout.scalars[b, ORDER] = np.random.randint(2 * len(TREE_ORDERS))
    elif kind < 0.99:
        layout.scalars[b, DETOUR] = np.random.randint(1, _LONGEST_DETOUR + 1)
    else:
        layout.scalars[b, TIES] ^= 1 << np.random.randint(_TIE_BITS)
    return True


@inner_machine_code
def _ruin(patches: Patches, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """A block goes elsewhere, sometimes with its family or its neighbours."""
    ruined = np.zeros(patches.blocks, dtype=np.bool_)
    ruined[b] = True
    kind = np.random.random()
    if kind < 0.2:
        for c in range(b + 1, patches.blocks):
            if patches.source[c, 0] >= 0 and ruined[patches.source[c, 0]]:
                ruined[c] = True
    elif kind < 0.5:
        near = layout.site[b, 0]
        for _ in range(2):
            for _ in range(4):
                near = random_neighbour(tables, near)
            for c in range(patches.blocks):
                for i in range(patches.pairs):
                    ruined[c] = ruined[c] or layout.site[c, i] == near
    if patches.ghz:
        move_inputs(patches, layout, ruined, tables)
    elif ruined[0] and np.random.random() < 0.7:
        for _ in range(np.random.randint(1, _LONGEST_WALK)):
            layout.site[0, 0] = random_neighbour(tables, layout.site[0, 0])
    careful = np.random.random() < 0.3
    return regrow(patches, layout, ruined, tables, 2, _REGROW_TRIES, careful) == 0


@inner_machine_code
def change(patches: Patches, layout: Layout, tables: DeviceTables) -> bool:
    """One random change; False if it came to nothing."""
    b = np.random.randint(patches.blocks)
    if np.random.random() < _ON_PATH:
        g = np.random.randint(len(patches.clones))
        b = patches.path_block[g, np.random.randint(patches.flat.pairs)]
    if layout.crowded[0] == 1 and np.random.random() < _EXCHANGE:
        return exchange(patches, layout, b, tables)
    kind = np.random.random()
    if kind < 0.24:
        return _relocate_partner(patches, layout, b, tables)
    if kind < 0.60:
        if kind < 0.46:
            works = _relocate_leaf(patches, layout, b, tables)
        else:
            works = _exchange(patches, layout, b, tables)
        if works:
            _keep_beside(patches, layout, b, tables)
        return works
    if kind < 0.64:
        return shift_centre(block_of(layout, b))
    if kind < 0.66:
        return _hand_over(patches, layout, b, tables)
    if kind < 0.68:
        return reattach(block_of(layout, b), tables)
    if kind < 0.90:
        return _change_detail(patches, layout, b, tables)
    if kind < 0.95:
        return reorder(patches, layout, b)
    return _ruin(patches, layout, b, tables)
