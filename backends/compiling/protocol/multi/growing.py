"""Putting blocks where there is room: the start of a search, and its larger moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.compiled import inner_machine_code
from backends.compiling.protocol.multi.layout import (
    Layout,
    block_of,
    draw_path,
    enter,
    hold_inputs,
    last_site,
    turn,
)
from backends.compiling.protocol.multi.placing import place_block
from backends.compiling.protocol.multi.problem import Patches
from backends.compiling.protocol.multi.roles import path_through
from backends.compiling.protocol.placement import copied, copy_placement
from backends.compiling.protocol.routing import random_neighbour
from backends.compiling.protocol.tables import DeviceTables

_CANDIDATES = 10
_WALLED_IN = 10.0
_MOVED = 0.7
_LONGEST_WALK = 6


@inner_machine_code
def used_after(
    patches: Patches,
    layout: Layout,
    b: int,
    ruined: NDArray[np.bool_],
    used: NDArray[np.int64],
) -> None:
    """Mark what blocks that are made after this one use in any way, ``ruined`` ones left out."""
    after = False
    for k in range(patches.blocks):
        other = layout.order[k]
        if after and not ruined[other]:
            for i in range(patches.pairs):
                for m in range(layout.length[other, i]):
                    used[layout.path[other, i, m]] = 1
        after = after or other == b


@inner_machine_code
def _room(
    patches: Patches,
    layout: Layout,
    ruined: NDArray[np.bool_],
    held: NDArray[np.int64],
    tables: DeviceTables,
) -> float:
    """How much of the room that clones still need is nearest to them."""
    sites = len(tables.degree)
    nearest = np.empty(sites, dtype=np.int64)
    nearest[:] = -1
    queue = np.empty(sites, dtype=np.int64)
    need = np.zeros(sites, dtype=np.int64)
    tail = 0
    for b in range(patches.blocks):
        if ruined[b]:
            continue
        for i in range(patches.pairs):
            c = patches.child[b, i]
            if c >= 0 and ruined[c]:
                s = layout.site[b, i]
                nearest[s] = s
                need[s] = 2 * (patches.pairs - 1) * patches.descendants[c]
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
    least = 2 * (patches.pairs - 1)
    for k in range(opened):
        if got[queue[k]] < least:
            total -= _WALLED_IN * (least - got[queue[k]])
    return total


@inner_machine_code
def regrow(
    patches: Patches,
    layout: Layout,
    ruined: NDArray[np.bool_],
    tables: DeviceTables,
    repairs: int,
    tries: int,
    careful: bool,
) -> int:
    """Put all ruined blocks somewhere else, and mend what that breaks.

    Args:
        patches: what is placed.
        layout: updated.
        ruined: blocks to be placed anew; afterwards those that found no place.
        tables: the device.
        repairs: how many other blocks may be placed anew if they are in the way.
        tries: how often each block is tried.
        careful: whether the candidate that leaves most room is taken, not the first.

    Returns:
        How many blocks found no place, those that follow on them included.
    """
    sites = len(tables.degree)
    held = np.empty(sites, dtype=np.int64)
    saved = np.empty(sites, dtype=np.int64)
    best_place = copied(block_of(layout, 0))
    best_role = layout.role[0].copy()
    sequence = np.empty(patches.pairs, dtype=np.int64)
    hold_inputs(patches, layout, held)
    left = 0
    for k in range(patches.blocks):
        c = layout.order[k]
        source, pair = patches.source[c]
        if source >= 0 and ruined[source]:
            ruined[c] = True
            left += 1
            continue
        redo = ruined[c]
        if not redo and source >= 0:
            origin = layout.site[source, pair]
            if last_site(layout, c, 0) != origin:
                redo = not draw_path(layout, c, 0, origin, held, tables)
        saved[:] = held
        if not redo:
            if enter(patches, layout, c, held, sequence) == 0:
                continue
            held[:] = saved
            if repairs == 0:
                ruined[c] = True
                left += 1
                continue
            repairs -= 1
        kept = held.copy()
        used_after(patches, layout, c, ruined, kept)
        if patches.ghz:
            kept[layout.site[c, 0]] = 1
        ruined[c] = False
        best_score, found = -1.0, 0
        g = max(0, path_through(patches, c))
        for _ in range(tries):
            held[:] = saved
            if not place_block(patches, layout, c, held, kept, tables):
                continue
            if enter(patches, layout, c, held, sequence) > 0:
                continue
            found += 1
            if not careful:
                break
            score = _room(patches, layout, ruined, held, tables) + np.random.random()
            for i in range(patches.pairs):
                score -= 0.5 * layout.length[c, i]
            if found == 1 or score > best_score:
                best_score = score
                copy_placement(block_of(layout, c), best_place)
                best_role[:] = layout.role[g]
            if found >= _CANDIDATES:
                break
        if found == 0:
            ruined[c] = True
            left += 1
            held[:] = saved
            continue
        if careful:
            copy_placement(best_place, block_of(layout, c))
            layout.role[g] = best_role
            held[:] = saved
            enter(patches, layout, c, held, sequence)
    return left


@inner_machine_code
def move_inputs(
    patches: Patches, layout: Layout, ruined: NDArray[np.bool_], tables: DeviceTables
) -> None:
    """Take the inputs of ruined blocks of a GHZ state some steps away."""
    taken = np.zeros(len(tables.degree), dtype=np.bool_)
    for c in range(patches.blocks):
        taken[layout.site[c, 0]] = True
    for c in range(patches.blocks):
        if ruined[c] and np.random.random() < _MOVED:
            here = layout.site[c, 0]
            for _ in range(np.random.randint(1, _LONGEST_WALK)):
                here = random_neighbour(tables, here)
            if not taken[here]:
                taken[layout.site[c, 0]] = False
                layout.site[c, 0] = here
                taken[here] = True


@inner_machine_code
def reorder(patches: Patches, layout: Layout, b: int) -> bool:
    """A block is made earlier or later, after its parent and before its children."""
    old = turn(layout, b)
    low, high = 0, patches.blocks - 1
    for k in range(patches.blocks):
        other = layout.order[k]
        if other == patches.source[b, 0]:
            low = k + 1
        if patches.source[other, 0] == b and high > k - 1:
            high = k - 1
    if high <= low:
        return False
    new = np.random.randint(low, high + 1)
    step = 1 if new > old else -1
    for k in range(old, new, step):
        layout.order[k] = layout.order[k + step]
    layout.order[new] = b
    return new != old
