"""Random layouts to start from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code, machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.trees.routing import random_neighbour
from backends.compiling.protocol.multi.layout import (
    CENTRE,
    STEEP,
    Layout,
    copy_layout,
    last_site,
)
from backends.compiling.protocol.multi.problem import MultiProblem
from backends.compiling.protocol.multi.roles import shuffle_roles
from backends.compiling.protocol.multi.starts.growth import keeps, move_inputs, regrow, reorder

_ATTEMPTS = 2
_TRIES = 30
_RUIN_PARENT = 0.3
_WALK, _MOST_WALKS = 3, 4
_CAREFUL = 0.5
_SHORTEST_STEP, _LONGEST_STEP = 3, 7
_HOMES_TRIES = 30


@inner_machine_code
def shuffle_order(problem: MultiProblem, layout: Layout) -> None:
    """A random order of the blocks, generation after generation, larger families first."""
    blocks = problem.blocks
    key = np.empty(blocks, dtype=np.float64)
    for b in range(blocks):
        generation, up = 0, b
        while problem.source[up, 0] >= 0:
            up = problem.source[up, 0]
            generation += 1
        key[b] = 10.0 * generation + np.random.random()
    layout.order[:] = np.argsort(key)


@inner_machine_code
def _homes(
    problem: MultiProblem,
    layout: Layout,
    centre: int,
    region: NDArray[np.bool_],
    tables: DeviceTables,
) -> bool:
    """Draw sites for the inputs of a GHZ state, some steps apart from each other."""
    layout.site[0, 0] = centre
    taken = ~region
    taken[centre] = True
    for b in range(1, problem.blocks):
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
    layout.ghz_tree[CENTRE] = 0
    layout.ghz_tree[STEEP] = np.random.randint(2)
    return True


@machine_code
def start(
    problem: MultiProblem,
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
        problem: what is placed.
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
    ruined = np.empty(problem.blocks, dtype=np.bool_)
    was = np.empty(problem.blocks, dtype=np.bool_)
    for _ in range(_ATTEMPTS):
        shuffle_order(problem, layout)
        ruined[:] = True
        layout.length[:] = 0
        layout.meet[:] = 0
        for g in range(len(problem.clones)):
            shuffle_roles(problem, layout, g)
        if problem.ghz:
            if not _homes(problem, layout, centre, region, tables):
                continue
        else:
            layout.site[0, 0] = centre
        left = regrow(problem, layout, ruined, tables, 0, _TRIES, True)
        for _ in range(rounds):
            if left == 0:
                return True
            copy_layout(layout, spare)
            was[:] = ruined
            _make_room(problem, layout, ruined, tables)
            careful = np.random.random() < _CAREFUL
            now = regrow(problem, layout, ruined, tables, 0, _TRIES, careful)
            if keeps(left, now):
                left = now
            else:
                copy_layout(spare, layout)
                ruined[:] = was
    return False


@inner_machine_code
def _make_room(
    problem: MultiProblem, layout: Layout, ruined: NDArray[np.bool_], tables: DeviceTables
) -> None:
    """Ruin some of what stands around a block that found no room."""
    shift = np.random.randint(problem.blocks)
    first = 0
    for k in range(problem.blocks):
        b = (k + shift) % problem.blocks
        if ruined[b] and (problem.source[b, 0] < 0 or not ruined[problem.source[b, 0]]):
            first = b
            break
    reorder(problem, layout, first)
    parent = problem.source[first, 0]
    centre = layout.site[first, 0]
    if parent >= 0:
        centre = layout.site[parent, problem.source[first, 1]]
        if np.random.random() < _RUIN_PARENT:
            ruined[parent] = True
    elif not problem.ghz:
        return
    for _ in range(np.random.randint(1, _MOST_WALKS)):
        near = centre
        for _ in range(_WALK):
            near = random_neighbour(tables, near)
            for c in range(problem.blocks):
                hit = False
                for i in range(problem.pairs):
                    hit = hit or layout.site[c, i] == near or last_site(layout, c, i) == near
                # Large families are moved seldom.
                if hit and np.random.random() * problem.descendants[c] < 1.0:
                    ruined[c] = True
    for c in range(problem.blocks):
        if problem.source[c, 0] >= 0 and ruined[problem.source[c, 0]]:
            ruined[c] = True
    if problem.ghz:
        move_inputs(problem, layout, ruined, tables)
