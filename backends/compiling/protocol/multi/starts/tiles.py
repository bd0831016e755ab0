"""Cutting a device into connected tiles, one for each block that is not cloned further.

Growth block after block leaves single free sites all over the device, and the last blocks find no
room. A tile has room for all that such a block keeps in the end. Keys of all other blocks
go into the gaps between the tiles; what moves on may stand anywhere in the meantime.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.multi.problem import MultiProblem

NO_TILE = -1
_DRAWS, _SWEEPS = 100, 4
_EVENNESS = 3.0


@dataclass(frozen=True, eq=False)
class Plan:
    """Where all blocks are to go.

    Attributes:
        tile: the tile of each device qubit, :data:`NO_TILE` for a gap, shape (device qubits,).
        own: the tile of each block, :data:`NO_TILE` for one that is cloned further, shape
            (blocks,).
        aim: device qubit around which each block is best, shape (blocks,).
        cost: third powers of the steps from the aim of each block to those of its children, summed.
    """

    tile: NDArray[np.int64]
    own: NDArray[np.int64]
    aim: NDArray[np.int64]
    cost: float


def distances(tables: DeviceTables) -> NDArray[np.int64]:
    """Steps between device qubits, a large number where there is no way; shape (sites, sites)."""
    sites = len(tables.degree)
    steps = np.full((sites, sites), 4 * sites, dtype=np.int64)
    for start in range(sites):
        steps[start, start] = 0
        queue = [start]
        for here in queue:
            for there in tables.neighbours[here, : tables.degree[here]].tolist():
                if steps[start, there] > sites:
                    steps[start, there] = steps[start, here] + 1
                    queue.append(there)
    return steps


def plan(
    problem: MultiProblem,
    tables: DeviceTables,
    region: NDArray[np.bool_],
    steps: NDArray[np.int64],
    seed: Sequence[int],
) -> Plan | None:
    """The best of some random plans; None if there are too few tiles in each."""
    draw = np.random.default_rng(seed)
    found = [_plan(problem, tables, region, steps, draw) for _ in range(_DRAWS)]
    return min((one for one in found if one), key=lambda one: one.cost, default=None)


def _plan(
    problem: MultiProblem,
    tables: DeviceTables,
    region: NDArray[np.bool_],
    steps: NDArray[np.int64],
    draw: np.random.Generator,
) -> Plan | None:
    tile = _cut(tables, region, 2 * problem.pairs - 1, draw)
    leaves = _families(problem, draw)
    count = int(tile.max()) + 1
    if count < len(leaves):
        return None
    chosen = sorted(draw.permutation(count)[: len(leaves)].tolist())
    own = np.full(problem.blocks, NO_TILE, dtype=np.int64)
    own[leaves] = np.arange(len(leaves))
    renamed = np.full(count + 1, NO_TILE, dtype=np.int64)
    renamed[chosen] = np.arange(len(leaves))
    tile = renamed[tile]
    far = steps.astype(float) ** _EVENNESS
    aim = np.full(problem.blocks, int(draw.choice(np.flatnonzero(region))), dtype=np.int64)
    for b in leaves:
        inside = np.flatnonzero(tile == own[b])
        aim[b] = inside[np.argmin(steps[np.ix_(inside, inside)].sum(axis=1))]
    inner = np.flatnonzero(own == NO_TILE)
    joined = [(b, c) for b, c in enumerate(problem.source[:, 0].tolist()) if c >= 0]
    near = {int(b): [c for e in joined if b in e for c in e if c != b] for b in inner}
    for _ in range(_SWEEPS):
        for b in inner[::-1]:
            aim[b] = np.argmin(far[:, aim[near[int(b)]]].sum(axis=1))
    cost = float(sum(far[aim[b], aim[c]] for b, c in joined))
    return Plan(tile, own, aim, cost)


def _families(problem: MultiProblem, draw: np.random.Generator) -> list[int]:
    """Blocks that are not cloned further, siblings beside each other."""
    leaves, stack = [], [b for b in range(problem.blocks) if problem.source[b, 0] < 0]
    while stack:
        b = stack.pop()
        children = [c for c in problem.child[b].tolist() if c >= 0]
        if not children:
            leaves.append(b)
        stack += draw.permutation(np.array(children, dtype=np.int64)).tolist()
    return leaves


def _cut(
    tables: DeviceTables, region: NDArray[np.bool_], size: int, draw: np.random.Generator
) -> NDArray[np.int64]:
    """Connected tiles along a random spanning tree, numbered along the tree."""
    root = int(draw.choice(np.flatnonzero(region)))
    above: dict[int, int] = {}
    below: dict[int, list[int]] = {}
    heap = [(0.0, root, root)]
    while heap:
        _, here, back = heapq.heappop(heap)
        if here in above:
            continue
        above[here] = back
        below[here] = []
        if here != back:
            below[back].append(here)
        for there in tables.neighbours[here, : tables.degree[here]].tolist():
            if there not in above and region[there]:
                heapq.heappush(heap, (draw.random(), there, here))
    order, stack = [], [root]
    while stack:
        here = stack.pop()
        order.append(here)
        stack += below[here]
    tile = np.full(len(region), NO_TILE, dtype=np.int64)
    hanging: dict[int, list[int]] = {here: [here] for here in order}
    count = 0
    for here in reversed(order):
        mine = hanging[here]
        if len(mine) >= size:
            # Nearest first: what is left over are tips.
            tile[mine[:size]] = count
            count += 1
        elif here != root:
            hanging[above[here]] += mine
    return tile
