"""Search for the best layout, by a number of moves that a budget stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from backends.compiling.protocol.building import IMPOSSIBLE
from backends.compiling.protocol.multi.annealing import anneal
from backends.compiling.protocol.multi.building import most_rows
from backends.compiling.protocol.multi.layout import Layout, empty_layout
from backends.compiling.protocol.multi.packing import is_crowded, packed
from backends.compiling.protocol.multi.problem import Patches
from backends.compiling.protocol.multi.starting import start
from backends.compiling.protocol.multi.transplanting import elsewhere
from backends.compiling.protocol.pricing import LAYER_PRICE
from backends.compiling.protocol.tables import device_tables, working_region
from backends.devices.snapshot import DeviceSnapshot

_SCOUTS, _SEMIFINALISTS, _FINALISTS = 0.6, 0.25, 0.15
"""Shares of the moves."""
_FEWEST_SCOUTS = 8
_MOST_CARRIED, _OTHER_PLACES = 32, 2
"""How many layouts are tried at other places, and how many of these are kept of each."""
_FEWEST_SEMIFINALISTS, _MOST_SEMIFINALISTS = 4, 8
"""As many as the moves allow for, if none is to be shorter than a run that comes first."""
_HOT, _WARM, _COLD = 0.4, 0.15, 0.002
_MOVES_OF_SCOUTS, _MOVES_OF_GHZ_SCOUTS = 15_000, 30_000
"""For each block. Clones of clones find a good place rather by another start than by more moves."""
_FEWEST_ROUNDS, _MOVES_OF_ROUND = 500, 10
"""A start that finds no room for everything goes on for as long as some moves take."""
_STEEP = 3.5 * LAYER_PRICE
"""Every other run of those that come first looks for shallow layouts: these lie far from others.
Half of the first ones leave clones and keys their own roles in decryption, if there are many."""
_FEW_GENERATIONS = 2
_BLOCKS_OF_A_MOVE = 4
"""Moves of more blocks take longer: fewer are made for the same budget. What a move takes however
many blocks there are is worth as much as so many of them, less one."""
_CLONES_ARE_FASTER = 4, 3
"""Moves of clones of clones in the time of some of a GHZ state."""


@dataclass(frozen=True, eq=False)
class Task:
    """One annealing run, to be done by any thread.

    Attributes:
        patches: what is placed.
        snapshot: the device.
        layout: where it starts; None starts anew around ``centre``.
        centre: a device qubit, -1 with ``layout``.
        moves: how many changes are tried.
        hot: the first temperature.
        cold: the last one.
        seed: of all random choices.
        layer_price: of a two-qubit layer while it searches.
    """

    patches: Patches
    snapshot: DeviceSnapshot
    layout: Layout | None
    centre: int
    moves: int
    hot: float
    cold: float
    seed: int
    layer_price: float


@dataclass(frozen=True, eq=False)
class Found:
    """The end of a run.

    Attributes:
        cost: of the best layout; infinite if nothing was found.
        layout: the best layout.
    """

    cost: float
    layout: Layout


Mapper = Callable[[Callable[[Task], Found], Iterable[Task]], Iterable[Found]]
"""How tasks are done: one after the other, or by several threads; results in order."""


def run(task: Task) -> Found:
    """Do one annealing run."""
    patches, tables = task.patches, device_tables(task.snapshot)
    layout = _started(task) if task.layout is None else _copied(task.layout)
    if layout is None:
        return Found(np.inf, empty_layout(patches, task.snapshot.num_qubits))
    rows = np.zeros((most_rows(patches, layout), 5), dtype=np.int64)
    native = np.zeros((3 * len(rows), 4), dtype=np.int64)
    cost = anneal(
        patches,
        layout,
        _copied(layout),
        _copied(layout),
        rows,
        native,
        tables,
        task.moves,
        task.hot,
        task.cold,
        task.seed,
        task.layer_price,
    )
    return Found(cost, layout)


def _started(task: Task) -> Layout | None:
    """A random layout; None if there is no room for everything."""
    patches, snapshot = task.patches, task.snapshot
    crowded = is_crowded(patches, snapshot)
    rounds = _FEWEST_ROUNDS + (0 if crowded else task.moves // _MOVES_OF_ROUND)
    region = working_region(snapshot)
    layout, spare = (empty_layout(patches, snapshot.num_qubits) for _ in range(2))
    tables = device_tables(snapshot)
    if start(patches, layout, spare, task.centre, region, tables, rounds, task.seed):
        return layout
    return packed(patches, snapshot, task.seed) if crowded else None


def _copied(layout: Layout) -> Layout:
    return Layout(*(array.copy() for array in layout))


def search(
    patches: Patches, snapshot: DeviceSnapshot, moves: int, seed: int, mapper: Mapper = map
) -> Found | None:
    """Look for the layout with the least cost.

    Short runs from all over the device; longer ones from the best of what they found, there or
    carried over to another place; the longest from the very best. Equal arguments give equal
    layouts, by any number of threads.

    Args:
        patches: what is placed.
        snapshot: the device.
        moves: the budget: changes tried in all, fewer if there are many blocks.
        seed: of all random choices.
        mapper: does the runs.

    Returns:
        The best layout, or None if none was found.
    """
    if not patches.ghz:
        many, some = _CLONES_ARE_FASTER
        moves = moves * many // some
    moves = max(1, moves * _BLOCKS_OF_A_MOVE // (_BLOCKS_OF_A_MOVE - 1 + patches.blocks))
    draw = np.random.default_rng([seed, patches.blocks, patches.pairs])
    centres: Sequence[int] = draw.permutation(sorted(snapshot.largest_region)).tolist()

    own_roles = patches._replace(flat=patches.flat._replace(stand_ins=0))

    def runs(
        starts: Sequence[tuple[Layout | None, int]],
        share: float,
        hot: float,
        kinds: Sequence[tuple[Patches, float]],
    ) -> list[Found]:
        each = max(1, int(share * moves / max(1, len(starts))))
        tasks = [
            Task(
                what,
                snapshot,
                layout,
                centre,
                each,
                hot,
                _COLD,
                int(draw.integers(2**31)),
                price,
            )
            for (layout, centre), (what, price) in zip(starts, cycle(kinds), strict=False)
        ]
        return sorted(mapper(run, tasks), key=lambda found: found.cost)

    each = (_MOVES_OF_GHZ_SCOUTS if patches.ghz else _MOVES_OF_SCOUTS) * patches.blocks
    scouting = min(len(centres), max(_FEWEST_SCOUTS, int(_SCOUTS * moves / each)))
    free = [(patches, LAYER_PRICE), (patches, _STEEP)]
    generations = (patches.flat.pairs - 1) // (patches.pairs - 1)
    own = [(own_roles, LAYER_PRICE), (own_roles, _STEEP)]
    kinds = [*free, *own] if generations > _FEW_GENERATIONS else free
    scouts = runs([(None, centre) for centre in centres[:scouting]], _SCOUTS, _HOT, kinds)
    first = _distinct([*scouts, *_carried(patches, snapshot, _distinct(scouts))])
    going_on = int(
        np.clip(_SEMIFINALISTS * moves / each, _FEWEST_SEMIFINALISTS, _MOST_SEMIFINALISTS)
    )
    middle = runs([(f.layout, -1) for f in first[:going_on]], _SEMIFINALISTS, _WARM, free)
    best = _distinct([*first, *middle])
    if not best:
        return None
    last = runs([(f.layout, -1) for f in best[:2]], _FINALISTS, _WARM / 2, free[:1])
    found = min([*best, *last], key=lambda f: f.cost)
    return found if found.cost < IMPOSSIBLE else None


def _carried(
    patches: Patches, snapshot: DeviceSnapshot, scouts: Sequence[Found]
) -> Iterable[Found]:
    """The best of what was found at one place, at others."""
    if is_crowded(patches, snapshot):
        return  # there are none
    region, tables = working_region(snapshot), device_tables(snapshot)
    for scout in scouts[:_MOST_CARRIED]:
        if scout.cost < IMPOSSIBLE:
            for cost, layout in elsewhere(patches, scout.layout, tables, region, _OTHER_PLACES):
                yield Found(cost, layout)


def _distinct(found: Iterable[Found]) -> list[Found]:
    """One of each cost, the best first: equal costs are the same layout, mostly."""
    by_cost = {round(one.cost, 9): one for one in found if np.isfinite(one.cost)}
    return [by_cost[cost] for cost in sorted(by_cost)]
