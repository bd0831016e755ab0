"""Random layouts to start from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.compiled import inner_machine_code, machine_code
from backends.compiling.protocol.multi.growing import move_inputs, regrow, reorder
from backends.compiling.protocol.multi.layout import (
    CENTRE,
    STEEP,
    Layout,
    copy_layout,
    last_site,
)
from backends.compiling.protocol.multi.problem import Patches
from backends.compiling.protocol.multi.roles import shuffle_roles
from backends.compiling.protocol.routing import random_neighbour
from backends.compiling.protocol.tables import DeviceTables

_ATTEMPTS = 2
_TRIES = 30
_RUIN_PARENT = 0.3
_WORSE = 0.1
_WALK, _MOST_WALKS = 3, 4
_CAREFUL = 0.5
_SHORTEST_STEP, _LONGEST_STEP = 3, 7
_HOMES_TRIES = 30


@inner_machine_code
def shuffle_order(patches: Patches, layout: Layout) -> None:
    """A random order of the blocks, generation after generation, larger families first."""
    blocks = patches.blocks
    key = np.empty(blocks, dtype=np.float64)
    for b in range(blocks):
        generation, up = 0, b
        while patches.source[up, 0] >= 0:
            up = patches.source[up, 0]
            generation += 1
        key[b] = 10.0 * generation + np.random.random()
    layout.order[:] = np.argsort(key)


@inner_machine_code
def _homes(
    patches: Patches,
    layout: Layout,
    centre: int,
    region: NDArray[np.bool_],
    tables: DeviceTables,
) -> bool:
    """Places for the inputs of a GHZ state, some steps apart from each other."""
    layout.site[0, 0] = centre
    taken = ~region
    taken[centre] = True
    for b in range(1, patches.blocks):
        found = False
        for _ in range(_HOMES_TRIES):
            here = layout.site[np.random.randint(b), 0]
            for _ in range(np.random.randint(_SHORTEST_STEP, _LONGEST_STEP + 1)):
                here = random_neighbour(tables, here)
            if taken[here]:
                continue
            beside = False
            for k in range(tables.degree[here]):
                beside = beside or (taken[tables.neighbours[here, k]] and region[here])
            if beside and np.random.random() < 0.8:
                continue
            layout.site[b, 0] = here
            taken[here] = True
            found = True
            break
        if not found:
            return False
    layout.wire[CENTRE] = 0
    layout.wire[STEEP] = np.random.randint(2)
    return True


@machine_code
def start(
    patches: Patches,
    layout: Layout,
    spare: Layout,
    centre: int,
    region: NDArray[np.bool_],
    tables: DeviceTables,
    rounds: int,
    seed: int,
) -> bool:
    """Write a random layout around a device qubit.

    Args:
        patches: what is placed.
        layout: overwritten.
        spare: room for a layout; overwritten.
        centre: a device qubit.
        region: which device qubits may be used.
        tables: the device.
        rounds: how often some blocks are placed anew to make room for others.
        seed: of all random choices.

    Returns:
        Whether there is one.
    """
    np.random.seed(seed)
    ruined = np.empty(patches.blocks, dtype=np.bool_)
    was = np.empty(patches.blocks, dtype=np.bool_)
    for _ in range(_ATTEMPTS):
        shuffle_order(patches, layout)
        ruined[:] = True
        layout.length[:] = 0
        layout.meet[:] = 0
        for g in range(len(patches.clones)):
            shuffle_roles(patches, layout, g)
        if patches.ghz:
            if not _homes(patches, layout, centre, region, tables):
                continue
        else:
            layout.site[0, 0] = centre
        left = regrow(patches, layout, ruined, tables, 0, _TRIES, True)
        for _ in range(rounds):
            if left == 0:
                return True
            copy_layout(layout, spare)
            was[:] = ruined
            _make_room(patches, layout, ruined, tables)
            careful = np.random.random() < _CAREFUL
            now = regrow(patches, layout, ruined, tables, 0, _TRIES, careful)
            if now <= left or np.random.random() < _WORSE ** (now - left):
                left = now
            else:
                copy_layout(spare, layout)
                ruined[:] = was
    return False


@inner_machine_code
def _make_room(
    patches: Patches, layout: Layout, ruined: NDArray[np.bool_], tables: DeviceTables
) -> None:
    """Ruin some of what stands around a block that found no place."""
    shift = np.random.randint(patches.blocks)
    first = 0
    for k in range(patches.blocks):
        b = (k + shift) % patches.blocks
        if ruined[b] and (patches.source[b, 0] < 0 or not ruined[patches.source[b, 0]]):
            first = b
            break
    reorder(patches, layout, first)
    parent = patches.source[first, 0]
    centre = layout.site[first, 0]
    if parent >= 0:
        centre = layout.site[parent, patches.source[first, 1]]
        if np.random.random() < _RUIN_PARENT:
            ruined[parent] = True
    elif not patches.ghz:
        return
    for _ in range(np.random.randint(1, _MOST_WALKS)):
        near = centre
        for _ in range(_WALK):
            near = random_neighbour(tables, near)
            for c in range(patches.blocks):
                hit = False
                for i in range(patches.pairs):
                    hit = hit or layout.site[c, i] == near or last_site(layout, c, i) == near
                # Large families are moved seldom.
                if hit and np.random.random() * patches.descendants[c] < 1.0:
                    ruined[c] = True
    for c in range(patches.blocks):
        if patches.source[c, 0] >= 0 and ruined[patches.source[c, 0]]:
            ruined[c] = True
    if patches.ghz:
        move_inputs(patches, layout, ruined, tables)
