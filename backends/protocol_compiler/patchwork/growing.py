"""Putting blocks where there is room: the start of a search, and its larger moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.protocol_compiler.compiled import inner_machine_code
from backends.protocol_compiler.moves import shift_centre
from backends.protocol_compiler.patchwork.layout import (
    Layout,
    block_of,
    enter,
    has_partner,
    hold_inputs,
    last_site,
    stand_beside,
)
from backends.protocol_compiler.patchwork.problem import Patches
from backends.protocol_compiler.placement import NODES, ORDER, ROOT, SECOND
from backends.protocol_compiler.problem import TREES
from backends.protocol_compiler.routing import random_neighbour, route_avoiding
from backends.protocol_compiler.tables import DeviceTables

_LONGEST_TRANSFER = 8
_STAY = 0.3
_SKIP = 0.2
_NEAREST, _CORNERS = 0.5, 8
_GROWTH_TRIES = 12
_TURN = 0.7
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
def _grow_tree(
    patches: Patches,
    layout: Layout,
    b: int,
    ends: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Signals around the input of a block, whose place is known."""
    pairs = patches.pairs
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
def clone_site(patches: Patches, layout: Layout, b: int, otherwise: int) -> int:
    """Where the clone that a block of a GHZ state gives back stands: its key is gathered there."""
    if patches.ghz:
        for g in range(len(patches.clones)):
            for i in range(patches.pairs):
                if patches.data[b, i] == patches.clones[g]:
                    return layout.site[b, i]
    return otherwise


@inner_machine_code
def _nearest_room(
    start: int,
    together: bool,
    beside: bool,
    held: NDArray[np.int64],
    ends: NDArray[np.int64],
    goal: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """A place nearby that can be kept, or two neighbouring ones; they are written to ``goal``.

    With ``beside`` the first of them has to stand beside ``start``.
    """
    sites = len(tables.degree)
    seen = np.zeros(sites, dtype=np.bool_)
    queue = np.empty(sites, dtype=np.int64)
    queue[0], head, tail = start, 0, 1
    seen[start] = True
    # A corner that is good for nothing else, rather than the nearest place, now and then.
    choices, fewest = (1 if np.random.random() < _NEAREST else _CORNERS), sites
    while head < tail:
        here = queue[head]
        head += 1
        if beside and here != start and not stand_beside(tables, here, start):
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
def place_block(
    patches: Patches,
    layout: Layout,
    b: int,
    held: NDArray[np.int64],
    kept: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Put a block at random near where its input is.

    Args:
        patches: what is placed.
        layout: updated; a block without a source keeps the place of its input.
        b: the block.
        held: what is in use just before.
        kept: where nothing may stay.
        tables: the device.

    Returns:
        Whether there is room; the block's paths may still block each other.
    """
    pairs = patches.pairs
    ends = kept.copy()
    home = layout.site[b, 0]
    origin = -1
    if patches.source[b, 0] >= 0:
        origin = layout.site[patches.source[b, 0], patches.source[b, 1]]
        home = _home(origin, held, tables)
        if home != origin and ends[home]:
            return False
        layout.site[b, 0] = home
    ends[home] = 1
    if not _grow_tree(patches, layout, b, ends, tables):
        return False
    for i in range(pairs):
        ends[layout.site[b, i]] = 1
    goal = np.empty(2, dtype=np.int64)
    target = np.empty(pairs, dtype=np.int64)
    target[:] = -1
    nearer = np.zeros(pairs, dtype=np.int64)
    layout.scalars[b, ORDER] = 0
    shift = np.random.randint(pairs)
    for k in range(pairs):
        i = (k + shift) % pairs
        if target[i] >= 0 or not has_partner(patches, b, i):
            continue
        mate = patches.mate[b, i]
        near = layout.site[b, i]
        beside = mate >= 0 and patches.decoding == TREES and patches.ghz == 1
        if beside:
            near = clone_site(patches, layout, b, near)
        if not _nearest_room(near, mate >= 0, beside, held, ends, goal, tables):
            return False
        target[i] = goal[0]
        nearer[i] = i
        ends[goal[0]] = 1
        if mate >= 0:
            nearer[mate] = i
            target[mate] = goal[1]
            ends[goal[1]] = 1
    taken = held.copy()
    if np.random.random() < 0.5:
        for i in range(pairs):
            taken[layout.site[b, i]] = 1
            if target[i] >= 0:
                taken[target[i]] = 1
    place = block_of(layout, b)
    for i in range(pairs):
        if target[i] >= 0:
            place.length[i] = 0
            place.turned[i] = np.random.randint(2)
            # The first tree goes across the near key qubit to the far one, which holds its bit.
            lower = min(i, patches.mate[b, i]) if patches.mate[b, i] >= 0 else i
            place.flip[i] = lower != nearer[i]
            if not route_avoiding(place, i, target[i], taken, tables, 1.0):
                return False
    if origin >= 0:
        return route_avoiding(place, 0, origin, held, tables, 1.0)
    if patches.ghz:
        place.path[0, 0] = home
        place.length[0] = 1
    return True


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
    best_site = layout.site[0].copy()
    best_parent = layout.parent[0].copy()
    best_scalars = layout.scalars[0].copy()
    best_path = layout.path[0].copy()
    best_length = layout.length[0].copy()
    best_meet = layout.meet[0].copy()
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
                redo = not route_avoiding(block_of(layout, c), 0, origin, held, tables, 1.0)
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
        best, found = -1.0, 0
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
            if found == 1 or score > best:
                best = score
                best_site[:] = layout.site[c]
                best_parent[:] = layout.parent[c]
                best_scalars[:] = layout.scalars[c]
                best_path[:] = layout.path[c]
                best_length[:] = layout.length[c]
                best_meet[:] = layout.meet[c]
            if found >= _CANDIDATES:
                break
        if found == 0:
            ruined[c] = True
            left += 1
            held[:] = saved
            continue
        if careful:
            layout.site[c] = best_site
            layout.parent[c] = best_parent
            layout.scalars[c] = best_scalars
            layout.path[c] = best_path
            layout.length[c] = best_length
            layout.meet[c] = best_meet
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
    old = 0
    while layout.order[old] != b:
        old += 1
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
