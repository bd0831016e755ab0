"""Random layouts to start from on a device that is nearly full, after a plan of tiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code, machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables, working_region
from backends.compiling.protocol.core.placement import ORDER
from backends.compiling.protocol.core.trees.routing import random_neighbour
from backends.compiling.protocol.multi.crossings import route_across
from backends.compiling.protocol.multi.layout import (
    Layout,
    block_of,
    copy_layout,
    empty_layout,
    enter,
    has_partner,
    hold_inputs,
)
from backends.compiling.protocol.multi.problem import MultiProblem, tables_for
from backends.compiling.protocol.multi.roles import mate_in_block
from backends.compiling.protocol.multi.starts.blocks import grow_tree, nearest_room
from backends.compiling.protocol.multi.starts.growth import (
    fetch_input,
    has_ruined_source,
    keeps,
    reorder,
    used_after,
)
from backends.compiling.protocol.multi.starts.random_layouts import shuffle_order
from backends.compiling.protocol.multi.starts.tiles import distances, plan
from backends.devices.snapshot import DeviceSnapshot

_LONGEST_PATH = 24
"""Device qubits on a path at most: on a crowded device there may be no room nearby."""

_CROWDED = 0.95
_TRIES = 100
_PLANS, _ROUNDS_OF_BLOCK = 8, 20
_LONGEST_WALK = 3
_RUIN_OTHERS = 0.15


def is_crowded(problem: MultiProblem, snapshot: DeviceSnapshot) -> bool:
    """Whether hardly a device qubit stays free, so that blocks have to be packed."""
    return not problem.ghz and problem.qubits > _CROWDED * len(snapshot.largest_region)


def draw_crowded_layout(
    problem: MultiProblem, snapshot: DeviceSnapshot, seed: int
) -> Layout | None:
    """A random layout that leaves hardly a site free; None if none was found."""
    tables, size = tables_for(problem, snapshot), snapshot.num_qubits
    layout, spare = (empty_layout(problem, size, _LONGEST_PATH) for _ in range(2))
    region = working_region(snapshot)
    steps, rounds = distances(tables), _ROUNDS_OF_BLOCK * problem.blocks
    for attempt in range(_PLANS):
        found = plan(problem, tables, region, steps, [seed, attempt])
        if found and not fill_tiles(
            problem, layout, spare, found.tile, found.own, found.aim, tables, rounds, seed
        ):
            return layout
    return None


@inner_machine_code
def _put_around(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    home: int,
    ends: NDArray[np.int64],
    shut: NDArray[np.int64],
    held: NDArray[np.int64],
    nothing: NDArray[np.int64],
    tables: DeviceTables,
) -> bool:
    """Put a block at random around a site for its input.

    Args:
        problem: what is placed.
        layout: updated.
        b: the block.
        home: site of its input.
        ends: 1 where no data qubit may stay, shape (device qubits,), int64.
        shut: 1 where no key qubit may stay, likewise; overwritten.
        held: 1 where a device qubit is in use just before, likewise.
        nothing: zeros, shape (device qubits,).
        tables: the device.

    Returns:
        Whether there is room; the block's paths may still block each other.
    """
    pairs, placement = problem.pairs, block_of(layout, b)
    layout.site[b, 0] = home
    if not grow_tree(problem, layout, b, ends, tables):
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
        if target[i] >= 0 or not has_partner(problem, b, i):
            continue
        mate = mate_in_block(problem, layout, b, i)
        if not nearest_room(layout.site[b, i], mate >= 0, False, nothing, shut, goal, tables):
            return False
        target[i] = goal[0]
        shut[goal[0]] = 1
        if mate >= 0:
            target[mate] = goal[1]
            shut[goal[1]] = 1
    for i in range(pairs):
        if target[i] >= 0:
            placement.length[i] = 0
            placement.turned[i] = np.random.randint(2)
            placement.flip[i] = np.random.randint(2)
            if not route_across(placement, i, target[i], held, tables):
                return False
    source, pair = problem.source[b]
    return source < 0 or route_across(placement, 0, layout.site[source, pair], held, tables)


@inner_machine_code
def _stays_in_tile(problem: MultiProblem, layout: Layout, b: int, tile: NDArray[np.int64]) -> bool:
    """Whether a clone that is not cloned further takes room that others need."""
    for i in range(problem.pairs):
        if problem.child[b, i] < 0 and tile[layout.site[b, i]] >= 0:
            return True
    return False


@inner_machine_code
def _close_other_tiles(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    tile: NDArray[np.int64],
    own: NDArray[np.int64],
    ends: NDArray[np.int64],
    shut: NDArray[np.int64],
) -> None:
    """Add to ``ends`` and ``shut`` what the plan forbids a block; its input may stay."""
    source, pair = problem.source[b]
    if source >= 0:
        ends[layout.site[source, pair]] = 0
    for s in range(len(tile)):
        if own[b] >= 0:
            ends[s] = ends[s] or tile[s] != own[b]
        shut[s] = shut[s] or tile[s] != own[b]


@inner_machine_code
def _fill(
    problem: MultiProblem,
    layout: Layout,
    ruined: NDArray[np.bool_],
    tile: NDArray[np.int64],
    own: NDArray[np.int64],
    aim: NDArray[np.int64],
    tables: DeviceTables,
) -> int:
    """Put all ruined blocks where the plan says; returns how many found no room.

    Arguments as in :func:`fill_tiles`; ``ruined``, shape (blocks,), bool, marks the blocks to be
    placed anew, afterwards those that found no room.
    """
    sites = len(tables.degree)
    held = np.empty(sites, dtype=np.int64)
    saved = np.empty(sites, dtype=np.int64)
    nothing = np.zeros(sites, dtype=np.int64)
    ends = np.empty(sites, dtype=np.int64)
    shut = np.empty(sites, dtype=np.int64)
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
        kept = held.copy()
        ruined[c] = False
        used_after(problem, layout, c, ruined, kept)
        found = False
        for _ in range(_TRIES):
            home = aim[c]
            for _ in range(np.random.randint(_LONGEST_WALK + 1)):
                home = random_neighbour(tables, home)
            ends[:] = held
            shut[:] = kept
            _close_other_tiles(problem, layout, c, tile, own, ends, shut)
            if ends[home]:
                continue
            ends[home] = 1
            if not _put_around(problem, layout, c, home, ends, shut, held, nothing, tables):
                continue
            if own[c] < 0 and _stays_in_tile(problem, layout, c, tile):
                continue
            if enter(problem, layout, c, held, sequence) == 0:
                found = True
                break
            held[:] = saved
        if not found:
            ruined[c] = True
            left += 1
            held[:] = saved
    return left


@machine_code
def fill_tiles(
    problem: MultiProblem,
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
        problem: what is placed.
        layout: overwritten.
        spare: room for a layout; overwritten.
        tile: see :class:`backends.compiling.protocol.multi.starts.tiles.Plan`, as for the next two.
        own: the tile of each block.
        aim: around which device qubit each block is to stand.
        tables: the device.
        rounds: how often some blocks are placed anew to make room for others.
        seed: of all random choices.

    Returns:
        How many blocks found no room.
    """
    np.random.seed(seed)
    ruined = np.ones(problem.blocks, dtype=np.bool_)
    was = np.empty(problem.blocks, dtype=np.bool_)
    shuffle_order(problem, layout)
    layout.length[:] = 0
    layout.meet[:] = 0
    layout.crowded[0] = 1
    left = _fill(problem, layout, ruined, tile, own, aim, tables)
    for _ in range(rounds):
        if left == 0:
            return 0
        copy_layout(layout, spare)
        was[:] = ruined
        for b in range(problem.blocks):
            alone = np.random.random() * problem.descendants[b] < _RUIN_OTHERS
            above = problem.source[b, 0]
            ruined[b] = ruined[b] or alone or (above >= 0 and ruined[above])
            if ruined[b]:
                reorder(problem, layout, b)
        now = _fill(problem, layout, ruined, tile, own, aim, tables)
        if keeps(left, now):
            left = now
        else:
            copy_layout(spare, layout)
            ruined[:] = was
    return left
