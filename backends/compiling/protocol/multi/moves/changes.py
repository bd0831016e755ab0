"""Random changes of a layout.

Each changes the layout in place and tells whether the result is worth scoring; the caller keeps a
copy to go back to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import (
    DETOUR,
    ORDER,
    ROOT,
    SECOND,
    TIES,
    are_coupled,
)
from backends.compiling.protocol.core.problem import TREES
from backends.compiling.protocol.core.trees.decryption import TREE_ORDERS
from backends.compiling.protocol.core.trees.routing import random_neighbour
from backends.compiling.protocol.core.trees.tree import exchange_nodes, reattach, shift_centre
from backends.compiling.protocol.multi.layout import (
    CENTRE,
    STEEP,
    Layout,
    block_of,
    draw_path,
    has_partner,
    held_before,
    last_site,
)
from backends.compiling.protocol.multi.moves.exchanges import exchange
from backends.compiling.protocol.multi.problem import MultiProblem
from backends.compiling.protocol.multi.roles import (
    NONE,
    clone_site,
    exchange_roles,
    number_on_path,
    path_through,
    read_with,
    stands_at,
)
from backends.compiling.protocol.multi.starts.growth import (
    move_inputs,
    regrow,
    reorder,
    used_after,
)

_LONGEST_WALK = 5
_LONGEST_DETOUR, _TIE_BITS = 8, 10
_ON_PATH = 0.4
_TO_MATE = 0.2
_REGROW_TRIES = 6
_EXCHANGE = 0.4


@inner_machine_code
def _around(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    held: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> None:
    """Mark what is in use before a block, and where nothing of it may stay, its own sites included.

    Args:
        problem: what is placed.
        layout: where.
        b: the block.
        held: 1 where a device qubit is in use, shape (device qubits,); overwritten.
        ends: 1 where none of the block's paths may end, of the same shape; overwritten.
    """
    sequence = np.empty(problem.pairs, dtype=np.int64)
    ruined = np.zeros(problem.blocks, dtype=np.bool_)
    held_before(problem, layout, b, held, sequence)
    ends[:] = held
    if layout.crowded[0] == 0 and np.random.random() < 0.9:
        used_after(problem, layout, b, ruined, ends)
    if problem.source[b, 0] >= 0:
        ends[last_site(layout, b, 0)] = 0
    for i in range(problem.pairs):
        ends[layout.site[b, i]] = 1
        if has_partner(problem, b, i):
            ends[last_site(layout, b, i)] = 1


@inner_machine_code
def _route(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    pair: int,
    goal: int,
    held: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Draw the path of a pair to its partner, or of an input to where it comes from."""
    if pair == 0 and problem.ghz:
        layout.path[b, 0, 0] = layout.site[b, 0]
        layout.length[b, 0] = 1
        return True
    comes = pair == 0 and problem.source[b, 0] >= 0
    if goal == layout.site[b, pair] and not comes:
        return False
    if np.random.random() < 0.5:
        return draw_path(layout, b, pair, goal, held, tables)
    taken = held.copy()
    for i in range(problem.pairs):
        if i != pair:
            taken[layout.site[b, i]] = 1
            if has_partner(problem, b, i):
                taken[last_site(layout, b, i)] = 1
    return draw_path(layout, b, pair, goal, taken, tables)


@inner_machine_code
def _follow(problem: MultiProblem, layout: Layout, b: int, pair: int, tables: DeviceTables) -> bool:
    """Let the block that encrypts a moved data qubit fetch it from its new site."""
    c = problem.child[b, pair]
    if c < 0:
        return True
    held = np.empty(len(tables.degree), dtype=np.int64)
    sequence = np.empty(problem.pairs, dtype=np.int64)
    held_before(problem, layout, c, held, sequence)
    return _route(problem, layout, c, 0, layout.site[b, pair], held, tables)


@inner_machine_code
def _relocate_partner(problem: MultiProblem, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Move a key qubit, with the one it is read with, or R, somewhere else."""
    i = np.random.randint(problem.pairs)
    if not has_partner(problem, b, i):
        return False
    held = np.empty(len(tables.degree), dtype=np.int64)
    ends = np.empty(len(tables.degree), dtype=np.int64)
    _around(problem, layout, b, held, ends)
    g = path_through(problem, b)
    number = number_on_path(problem, g, b, i) if g >= 0 and i > 0 else NONE
    mate = read_with(problem, layout, g, number) if number >= 0 else NONE
    c, j, centre = NONE, NONE, NONE
    if mate > 0:
        c, j = problem.path_block[g, mate], problem.path_pair[g, mate]
    if i == 0 and problem.beside_clone:
        centre = stands_at(problem, layout, 0, layout.role[0, 0])
    elif mate == 0 or (mate > 0 and np.random.random() < (_TO_MATE if c == b else 0.5)):
        centre, j = stands_at(problem, layout, g, mate), NONE
    ends[last_site(layout, b, i)] = 0
    if j >= 0 and c == b:
        ends[last_site(layout, b, j)] = 0
    if centre >= 0:
        site = random_neighbour(tables, centre)
    else:
        site = layout.site[b, i] if np.random.random() < 0.5 else last_site(layout, b, i)
        steps = np.random.randint(1, _LONGEST_WALK + 1)
        gathered = problem.ghz == 1 and problem.decoding == TREES and number >= 0
        if gathered and np.random.random() < 0.6:
            site, steps = clone_site(problem, layout, g), 1
        for _ in range(steps):
            site = random_neighbour(tables, site)
    if ends[site] or not _route(problem, layout, b, i, site, held, tables):
        return False
    if j < 0:
        return True
    other = random_neighbour(tables, site)
    if c == b:
        free = not ends[other] and other != site
        return free and _route(problem, layout, b, j, other, held, tables)
    _settle(problem, layout, c, j, other, tables)
    return True


@inner_machine_code
def _settle(
    problem: MultiProblem, layout: Layout, b: int, pair: int, site: int, tables: DeviceTables
) -> None:
    """Move a key qubit to a site if that is free."""
    held = np.empty(len(tables.degree), dtype=np.int64)
    ends = np.empty(len(tables.degree), dtype=np.int64)
    _around(problem, layout, b, held, ends)
    ends[last_site(layout, b, pair)] = 0
    if not ends[site]:
        _route(problem, layout, b, pair, site, held, tables)


@inner_machine_code
def _bring_together(
    problem: MultiProblem, layout: Layout, g: int, k: int, tables: DeviceTables
) -> None:
    """Move a qubit, or the one it is read with, beside the other.

    If there is room: a layout where they stand apart is not refused, it only costs more.
    """
    mate = read_with(problem, layout, g, k)
    if mate < 0:
        return
    here, there = stands_at(problem, layout, g, k), stands_at(problem, layout, g, mate)
    if are_coupled(tables, here, there):
        return
    if mate == 0 or (k > 0 and np.random.random() < 0.5):
        mate, here = k, there
    site = random_neighbour(tables, here)
    b, pair = problem.path_block[g, mate], problem.path_pair[g, mate]
    _settle(problem, layout, b, pair, site, tables)


@inner_machine_code
def _hand_over(problem: MultiProblem, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Exchange the roles of two qubits on the path of a clone in decryption."""
    g = path_through(problem, b)
    if g < 0:
        return False
    before = layout.role[g].copy()
    if not exchange_roles(problem, layout, g):
        return False
    for k in range(problem.flat.pairs):
        if layout.role[g, k] != before[k]:
            _bring_together(problem, layout, g, layout.role[g, k], tables)
    return True


@inner_machine_code
def _keep_beside(problem: MultiProblem, layout: Layout, b: int, tables: DeviceTables) -> None:
    """Let the key qubit that is read with a clone's own qubit follow the clone."""
    g = path_through(problem, b)
    if g >= 0 and problem.path_block[g, problem.flat.pairs - 1] == b:
        _bring_together(problem, layout, g, 0, tables)


@inner_machine_code
def _relocate_leaf(problem: MultiProblem, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Attach a data qubit at the rim of a tree somewhere else."""
    pairs = problem.pairs
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
    _around(problem, layout, b, held, ends)
    if problem.ghz and leaf == 0:
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
    return _route(problem, layout, b, leaf, goal, held, tables) and _follow(
        problem, layout, b, leaf, tables
    )


@inner_machine_code
def _exchange(problem: MultiProblem, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Exchange the positions of two data qubits in the tree; their partners stay on their sites."""
    i, j = np.random.randint(problem.pairs), np.random.randint(problem.pairs)
    if i == j:
        return False
    held = np.empty(len(tables.degree), dtype=np.int64)
    sequence = np.empty(problem.pairs, dtype=np.int64)
    goal_i, goal_j = last_site(layout, b, i), last_site(layout, b, j)
    exchange_nodes(block_of(layout, b), i, j)
    held_before(problem, layout, b, held, sequence)
    return (
        _route(problem, layout, b, i, goal_i, held, tables)
        and _route(problem, layout, b, j, goal_j, held, tables)
        and _follow(problem, layout, b, i, tables)
        and _follow(problem, layout, b, j, tables)
    )


@inner_machine_code
def _change_detail(problem: MultiProblem, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Change a path, a meeting point, a control, or the order of decoding."""
    i = np.random.randint(problem.pairs)
    kind = np.random.random()
    if problem.ghz and kind < 0.2:
        if kind < 0.03:
            layout.ghz_tree[STEEP] = 1 - layout.ghz_tree[STEEP]
        elif kind < 0.06:
            layout.ghz_tree[CENTRE] = np.random.randint(problem.blocks)
        else:
            one = np.random.randint(len(layout.rank))
            other = np.random.randint(len(layout.rank))
            layout.rank[one], layout.rank[other] = layout.rank[other], layout.rank[one]
        return True
    if kind < 0.5:
        held = np.empty(len(tables.degree), dtype=np.int64)
        sequence = np.empty(problem.pairs, dtype=np.int64)
        held_before(problem, layout, b, held, sequence)
        return _route(problem, layout, b, i, last_site(layout, b, i), held, tables)
    if not has_partner(problem, b, i):
        return False
    if kind < 0.8:
        meet = np.random.randint(layout.length[b, i] - 1)
        if meet == layout.meet[b, i]:
            return False
        layout.meet[b, i] = meet
        return True
    if kind < 0.87 or problem.decoding != TREES:
        layout.turned[b, i] = 1 - layout.turned[b, i]
        return True
    if kind < 0.95:
        layout.flip[b, i] = 1 - layout.flip[b, i]
        g = path_through(problem, b)
        number = number_on_path(problem, g, b, i) if g >= 0 else NONE
        return number >= 0 and problem.flat.mate[number] > number
    if kind < 0.98:
        layout.scalars[b, ORDER] = np.random.randint(2 * len(TREE_ORDERS))
    elif kind < 0.99:
        layout.scalars[b, DETOUR] = np.random.randint(1, _LONGEST_DETOUR + 1)
    else:
        layout.scalars[b, TIES] ^= 1 << np.random.randint(_TIE_BITS)
    return True


@inner_machine_code
def _regrow_block(problem: MultiProblem, layout: Layout, b: int, tables: DeviceTables) -> bool:
    """Grow a block anew elsewhere, sometimes with its family or its neighbours."""
    ruined = np.zeros(problem.blocks, dtype=np.bool_)
    ruined[b] = True
    kind = np.random.random()
    if kind < 0.2:
        for c in range(b + 1, problem.blocks):
            if problem.source[c, 0] >= 0 and ruined[problem.source[c, 0]]:
                ruined[c] = True
    elif kind < 0.5:
        near = layout.site[b, 0]
        for _ in range(2):
            for _ in range(4):
                near = random_neighbour(tables, near)
            for c in range(problem.blocks):
                for i in range(problem.pairs):
                    ruined[c] = ruined[c] or layout.site[c, i] == near
    if problem.ghz:
        move_inputs(problem, layout, ruined, tables)
    elif ruined[0] and np.random.random() < 0.7:
        for _ in range(np.random.randint(1, _LONGEST_WALK)):
            layout.site[0, 0] = random_neighbour(tables, layout.site[0, 0])
    careful = np.random.random() < 0.3
    return regrow(problem, layout, ruined, tables, 2, _REGROW_TRIES, careful) == 0


@inner_machine_code
def change(problem: MultiProblem, layout: Layout, tables: DeviceTables) -> bool:
    """Make one random change; False if it came to nothing."""
    b = np.random.randint(problem.blocks)
    if np.random.random() < _ON_PATH:
        g = np.random.randint(len(problem.clones))
        b = problem.path_block[g, np.random.randint(problem.flat.pairs)]
    if layout.crowded[0] == 1 and np.random.random() < _EXCHANGE:
        return exchange(problem, layout, b, tables)
    kind = np.random.random()
    if kind < 0.24:
        return _relocate_partner(problem, layout, b, tables)
    if kind < 0.60:
        if kind < 0.46:
            works = _relocate_leaf(problem, layout, b, tables)
        else:
            works = _exchange(problem, layout, b, tables)
        if works:
            _keep_beside(problem, layout, b, tables)
        return works
    if kind < 0.64:
        return shift_centre(block_of(layout, b))
    if kind < 0.66:
        return _hand_over(problem, layout, b, tables)
    if kind < 0.68:
        return reattach(block_of(layout, b), tables)
    if kind < 0.90:
        return _change_detail(problem, layout, b, tables)
    if kind < 0.95:
        return reorder(problem, layout, b)
    return _regrow_block(problem, layout, b, tables)
