"""Putting blocks where there is room: for the start of a search, and for its larger moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import copy_placement, duplicate
from backends.compiling.protocol.core.trees.routing import random_neighbour
from backends.compiling.protocol.multi.layout import (
    Layout,
    block_of,
    draw_path,
    enter,
    hold_inputs,
    last_site,
    position_of,
)
from backends.compiling.protocol.multi.problem import MultiProblem
from backends.compiling.protocol.multi.roles import path_through
from backends.compiling.protocol.multi.starts.blocks import put_block

_CANDIDATES = 10
_WALLED_IN = 10.0
_MOVED = 0.7
_LONGEST_WALK = 6
_WORSE = 0.1


@inner_machine_code
def used_after(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    ruined: NDArray[np.bool_],
    used: NDArray[np.int64],
) -> None:
    """Mark all sites on paths of blocks that are made after this one, ``ruined`` ones left out.

    Args:
        problem: what is placed.
        layout: where.
        b: the block.
        ruined: blocks that do not count, shape (blocks,), bool.
        used: set to 1 on these sites, shape (device qubits,), int64.
    """
    after = False
    for k in range(problem.blocks):
        other = layout.order[k]
        if after and not ruined[other]:
            for i in range(problem.pairs):
                for m in range(layout.length[other, i]):
                    used[layout.path[other, i, m]] = 1
        after = after or other == b


@inner_machine_code
def _room(
    problem: MultiProblem,
    layout: Layout,
    ruined: NDArray[np.bool_],
    held: NDArray[np.int64],
    tables: DeviceTables,
) -> float:
    """How much of the room that clones still need is nearest to them.

    Args:
        problem: what is placed.
        layout: where.
        ruined: blocks that have no sites yet, shape (blocks,), bool.
        held: 1 where a device qubit is in use, shape (device qubits,), int64.
        tables: the device.
    """
    sites = len(tables.degree)
    nearest = np.empty(sites, dtype=np.int64)
    nearest[:] = -1
    queue = np.empty(sites, dtype=np.int64)
    need = np.zeros(sites, dtype=np.int64)
    tail = 0
    for b in range(problem.blocks):
        if ruined[b]:
            continue
        for i in range(problem.pairs):
            c = problem.child[b, i]
            if c >= 0 and ruined[c]:
                s = layout.site[b, i]
                nearest[s] = s
                need[s] = 2 * (problem.pairs - 1) * problem.descendants[c]
                queue[tail] = s
                tail += 1
    opened = tail
    got = np.zeros(sites, dtype=np.int64)
    head, total = 0, 0.0
    while head < tail:
        here = queue[head]
        head += 1
        owner = nearest[here]
        for k in range(tables.degree[here]):
            there = tables.neighbours[here, k]
            if nearest[there] < 0 and not held[there]:
                nearest[there] = owner
                queue[tail] = there
                tail += 1
                got[owner] += 1
                if got[owner] <= need[owner]:
                    total += 1.0
    least = 2 * (problem.pairs - 1)
    for k in range(opened):
        if got[queue[k]] < least:
            total -= _WALLED_IN * (least - got[queue[k]])
    return total


@inner_machine_code
def has_ruined_source(problem: MultiProblem, b: int, ruined: NDArray[np.bool_]) -> bool:
    """Whether what a block clones is to be placed anew."""
    source = problem.source[b, 0]
    return bool(source >= 0 and ruined[source])


@inner_machine_code
def fetch_input(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    held: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Let a block's input come from where its source is now; False if there is no path."""
    source, pair = problem.source[b]
    if source < 0:
        return True
    origin = layout.site[source, pair]
    return last_site(layout, b, 0) == origin or draw_path(layout, b, 0, origin, held, tables)


@inner_machine_code
def keeps(left: int, now: int) -> bool:
    """Whether an attempt to make room is kept that leaves ``now`` blocks without, not ``left``."""
    return now <= left or np.random.random() < _WORSE ** (now - left)


@inner_machine_code
def regrow(
    problem: MultiProblem,
    layout: Layout,
    ruined: NDArray[np.bool_],
    tables: DeviceTables,
    repairs: int,
    tries: int,
    careful: bool,
) -> int:
    """Put all ruined blocks somewhere else, and mend what that breaks.

    Args:
        problem: what is placed.
        layout: updated.
        ruined: blocks to be placed anew; afterwards those that found no room, shape
            (blocks,), bool.
        tables: the device.
        repairs: how many other blocks may be placed anew if they are in the way.
        tries: how often each block is tried.
        careful: whether the candidate that leaves most room is taken, not the first.

    Returns:
        How many blocks found no room, those that follow on them included.
    """
    sites = len(tables.degree)
    held = np.empty(sites, dtype=np.int64)
    saved = np.empty(sites, dtype=np.int64)
    best_placement = duplicate(block_of(layout, 0))
    best_role = layout.role[0].copy()
    sequence = np.empty(problem.pairs, dtype=np.int64)
    hold_inputs(problem, layout, held)
    left = 0
    for k in range(problem.blocks):
        c = layout.order[k]
        if has_ruined_source(problem, c, ruined):
            ruined[c] = True
            left += 1
            continue
        stays = not ruined[c] and fetch_input(problem, layout, c, held, tables)
        saved[:] = held
        if stays:
            if enter(problem, layout, c, held, sequence) == 0:
                continue
            held[:] = saved
            if repairs == 0:
                ruined[c] = True
                left += 1
                continue
            repairs -= 1
        kept = held.copy()
        used_after(problem, layout, c, ruined, kept)
        if problem.ghz:
            kept[layout.site[c, 0]] = 1
        ruined[c] = False
        best_score, found = -1.0, 0
        g = max(0, path_through(problem, c))
        for _ in range(tries):
            held[:] = saved
            if not put_block(problem, layout, c, held, kept, tables):
                continue
            if enter(problem, layout, c, held, sequence) > 0:
                continue
            found += 1
            if not careful:
                break
            score = _room(problem, layout, ruined, held, tables) + np.random.random()
            for i in range(problem.pairs):
                score -= 0.5 * layout.length[c, i]
            if found == 1 or score > best_score:
                best_score = score
                copy_placement(block_of(layout, c), best_placement)
                best_role[:] = layout.role[g]
            if found >= _CANDIDATES:
                break
        if found == 0:
            ruined[c] = True
            left += 1
            held[:] = saved
            continue
        if careful:
            copy_placement(best_placement, block_of(layout, c))
            layout.role[g] = best_role
            held[:] = saved
            enter(problem, layout, c, held, sequence)
    return left


@inner_machine_code
def move_inputs(
    problem: MultiProblem, layout: Layout, ruined: NDArray[np.bool_], tables: DeviceTables
) -> None:
    """Take the inputs of ruined blocks of a GHZ state some steps away."""
    taken = np.zeros(len(tables.degree), dtype=np.bool_)
    for c in range(problem.blocks):
        taken[layout.site[c, 0]] = True
    for c in range(problem.blocks):
        if ruined[c] and np.random.random() < _MOVED:
            here = layout.site[c, 0]
            for _ in range(np.random.randint(1, _LONGEST_WALK)):
                here = random_neighbour(tables, here)
            if not taken[here]:
                taken[layout.site[c, 0]] = False
                layout.site[c, 0] = here
                taken[here] = True


@inner_machine_code
def reorder(problem: MultiProblem, layout: Layout, b: int) -> bool:
    """Make a block earlier or later, after its parent and before its children."""
    old = position_of(layout, b)
    low, high = 0, problem.blocks - 1
    for k in range(problem.blocks):
        other = layout.order[k]
        if other == problem.source[b, 0]:
            low = k + 1
        if problem.source[other, 0] == b and high > k - 1:
            high = k - 1
    if high <= low:
        return False
    new = np.random.randint(low, high + 1)
    step = 1 if new > old else -1
    for k in range(old, new, step):
        layout.order[k] = layout.order[k + step]
    layout.order[new] = b
    return new != old
