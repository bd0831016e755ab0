"""Random layouts to start from on a device that is nearly full, after a plan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.compiled import inner_machine_code, machine_code
from backends.compiling.protocol.multi.aside import route_across
from backends.compiling.protocol.multi.growing import reorder, used_after
from backends.compiling.protocol.multi.layout import (
    Layout,
    block_of,
    copy_layout,
    empty_layout,
    enter,
    has_partner,
    hold_inputs,
    last_site,
)
from backends.compiling.protocol.multi.placing import grow_tree, nearest_room
from backends.compiling.protocol.multi.problem import Patches
from backends.compiling.protocol.multi.roles import mate_in_block
from backends.compiling.protocol.multi.starting import shuffle_order
from backends.compiling.protocol.multi.tiles import distances, plan
from backends.compiling.protocol.placement import ORDER
from backends.compiling.protocol.routing import random_neighbour
from backends.compiling.protocol.tables import DeviceTables, device_tables, working_region
from backends.devices.snapshot import DeviceSnapshot

_LONGEST_WAY = 24
"""Device qubits on a path at most: on a crowded device there may be no room nearby."""

_CROWDED = 0.95
_TRIES = 100
_PLANS, _ROUNDS_OF_BLOCK = 8, 20
_LONGEST_WALK = 3
_RUIN_OTHERS = 0.15
_WORSE = 0.1


def is_crowded(patches: Patches, snapshot: DeviceSnapshot) -> bool:
    """Whether hardly a device qubit stays free, so that blocks have to be packed."""
    return not patches.ghz and patches.qubits > _CROWDED * len(snapshot.largest_region)


def packed(patches: Patches, snapshot: DeviceSnapshot, seed: int) -> Layout | None:
    """A random layout that leaves hardly a place free; None if none was found."""
    tables, size = device_tables(snapshot), snapshot.num_qubits
    layout, spare = (empty_layout(patches, size, _LONGEST_WAY) for _ in range(2))
    region = working_region(snapshot)
    steps, rounds = distances(tables), _ROUNDS_OF_BLOCK * patches.blocks
    for attempt in range(_PLANS):
        found = plan(patches, tables, region, steps, [seed, attempt])
        if found and not pack(
            patches, layout, spare, found.tile, found.own, found.aim, tables, rounds, seed
        ):
            return layout
    return None


@inner_machine_code
def _place_around(
    patches: Patches,
    layout: Layout,
    b: int,
    home: int,
    ends: NDArray[np.int64],
    shut: NDArray[np.int64],
    held: NDArray[np.int64],
    nobody: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Put a block at random around a place for its input.

    Args:
        patches: what is placed.
        layout: updated.
        b: the block.
        home: place of its input.
        ends: where no data qubit may stay.
        shut: where no key qubit may stay; overwritten.
        held: what is in use just before.
        nobody: nothing but zeros.
        tables: the device.

    Returns:
        Whether there is room; the block's paths may still block each other.
    """
    pairs, place = patches.pairs, block_of(layout, b)
    layout.site[b, 0] = home
    if not grow_tree(patches, layout, b, ends, tables):
        return False
    for i in range(pairs):
        shut[layout.site[b, i]] = 1
    goal = np.empty(2, dtype=np.int64)
    target = np.empty(pairs, dtype=np.int64)
    target[:] = -1
    layout.scalars[b, ORDER] = 0
    shift = np.random.randint(pairs)
    for k in range(pairs):
        i = (k + shift) % pairs
        if target[i] >= 0 or not has_partner(patches, b, i):
            continue
        mate = mate_in_block(patches, layout, b, i)
        if not nearest_room(layout.site[b, i], mate >= 0, False, nobody, shut, goal, tables):
            return False
        target[i] = goal[0]
        shut[goal[0]] = 1
        if mate >= 0:
            target[mate] = goal[1]
            shut[goal[1]] = 1
    for i in range(pairs):
        if target[i] >= 0:
            place.length[i] = 0
            place.turned[i] = np.random.randint(2)
            place.flip[i] = np.random.randint(2)
            if not route_across(place, i, target[i], held, tables):
                return False
    source, pair = patches.source[b]
    return source < 0 or route_across(place, 0, layout.site[source, pair], held, tables)


@inner_machine_code
def _stays_in_tile(patches: Patches, layout: Layout, b: int, tile: NDArray[np.int64]) -> bool:
    """Whether a clone that nobody clones further takes room that others need."""
    for i in range(patches.pairs):
        if patches.child[b, i] < 0 and tile[layout.site[b, i]] >= 0:
            return True
    return False


@inner_machine_code
def _fill(
    patches: Patches,
    layout: Layout,
    ruined: NDArray[np.bool_],
    tile: NDArray[np.int64],
    own: NDArray[np.int64],
    aim: NDArray[np.int64],
    tables: DeviceTables,
) -> int:
    """Put all ruined blocks where the plan says; returns how many found no place."""
    sites = len(tables.degree)
    held = np.empty(sites, dtype=np.int64)
    saved = np.empty(sites, dtype=np.int64)
    nobody = np.zeros(sites, dtype=np.int64)
    ends = np.empty(sites, dtype=np.int64)
    shut = np.empty(sites, dtype=np.int64)
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
                redo = not route_across(block_of(layout, c), 0, origin, held, tables)
        saved[:] = held
        if not redo:
            if enter(patches, layout, c, held, sequence) == 0:
                continue
            held[:] = saved
        kept = held.copy()
        ruined[c] = False
        used_after(patches, layout, c, ruined, kept)
        found = False
        for _ in range(_TRIES):
            home = aim[c]
            for _ in range(np.random.randint(_LONGEST_WALK + 1)):
                home = random_neighbour(tables, home)
            ends[:] = held
            shut[:] = kept
            if source >= 0:
                ends[layout.site[source, pair]] = 0
            for s in range(sites):
                if own[c] >= 0:
                    ends[s] = ends[s] or tile[s] != own[c]
                shut[s] = shut[s] or tile[s] != own[c]
            if ends[home]:
                continue
            ends[home] = 1
            if not _place_around(patches, layout, c, home, ends, shut, held, nobody, tables):
                continue
            if own[c] < 0 and _stays_in_tile(patches, layout, c, tile):
                continue
            if enter(patches, layout, c, held, sequence) == 0:
                found = True
                break
            held[:] = saved
        if not found:
            ruined[c] = True
            left += 1
            held[:] = saved
    return left


@machine_code
def pack(
    patches: Patches,
    layout: Layout,
    spare: Layout,
    tile: NDArray[np.int64],
    own: NDArray[np.int64],
    aim: NDArray[np.int64],
    tables: DeviceTables,
    rounds: int,
    seed: int,
) -> int:
    """Write a random layout after a plan.

    Args:
        patches: what is placed.
        layout: overwritten.
        spare: room for a layout; overwritten.
        tile: see :class:`backends.compiling.protocol.multi.tiles.Plan`, as for the next two.
        own: the tile of each block.
        aim: around which device qubit each block is to stand.
        tables: the device.
        rounds: how often some blocks are placed anew to make room for others.
        seed: of all random choices.

    Returns:
        How many blocks found no place.
    """
    np.random.seed(seed)
    ruined = np.ones(patches.blocks, dtype=np.bool_)
    was = np.empty(patches.blocks, dtype=np.bool_)
    shuffle_order(patches, layout)
    layout.length[:] = 0
    layout.meet[:] = 0
    layout.crowded[0] = 1
    left = _fill(patches, layout, ruined, tile, own, aim, tables)
    for _ in range(rounds):
        if left == 0:
            return 0
        copy_layout(layout, spare)
        was[:] = ruined
        for b in range(patches.blocks):
            alone = np.random.random() * patches.descendants[b] < _RUIN_OTHERS
            above = patches.source[b, 0]
            ruined[b] = ruined[b] or alone or (above >= 0 and ruined[above])
            if ruined[b]:
                reorder(patches, layout, b)
        now = _fill(patches, layout, ruined, tile, own, aim, tables)
        if now <= left or np.random.random() < _WORSE ** (now - left):
            left = now
        else:
            copy_layout(spare, layout)
            ruined[:] = was
    return left
