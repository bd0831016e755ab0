"""Simulated annealing of layouts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.building import IMPOSSIBLE
from backends.compiling.protocol.compiled import machine_code
from backends.compiling.protocol.multi.building import cost_of
from backends.compiling.protocol.multi.layout import Layout, conflicts, copy_layout
from backends.compiling.protocol.multi.moves import change
from backends.compiling.protocol.multi.problem import Patches
from backends.compiling.protocol.pricing import LAYER_PRICE, room_for
from backends.compiling.protocol.tables import DeviceTables


@machine_code
def anneal(
    patches: Patches,
    layout: Layout,
    here: Layout,
    before: Layout,
    rows: NDArray[np.int64],
    native: NDArray[np.int64],
    tables: DeviceTables,
    moves: int,
    hot: float,
    cold: float,
    seed: int,
    layer_price: float,
) -> float:
    """Improve a layout by random changes, accepted ever more strictly.

    Args:
        patches: what is placed.
        layout: where it starts, and the best one found afterwards.
        here: room for a layout; overwritten.
        before: the same.
        rows: room for a program.
        native: room for a native one.
        tables: the device.
        moves: how many changes are tried.
        hot: temperature at the start, in units of the cost.
        cold: temperature at the end.
        seed: of all random choices.
        layer_price: of a two-qubit layer while it searches.

    Returns:
        The cost of the best layout at :data:`LAYER_PRICE`; :data:`IMPOSSIBLE` and more if none
        works.
    """
    np.random.seed(seed)
    lists = np.zeros(3 * patches.qubits + 2 * patches.blocks * patches.pairs, dtype=np.int64)
    room = room_for(len(tables.degree))
    held = np.empty(len(tables.degree), dtype=np.int64)
    sequence = np.empty(patches.pairs, dtype=np.int64)
    cost = cost_of(patches, layout, tables, rows, native, lists, room, np.inf, layer_price)
    copy_layout(layout, here)
    copy_layout(layout, before)
    best = cost
    cooling = (cold / hot) ** (1.0 / max(1, moves))
    temperature = hot
    for _ in range(moves):
        temperature *= cooling
        if not change(patches, here, tables):
            copy_layout(before, here)
            continue
        # Accepted with probability exp((cost - new) / temperature).
        limit = cost - temperature * np.log(1.0 - np.random.random())
        wrong = conflicts(patches, here, held, sequence)
        if wrong > 0:
            new = IMPOSSIBLE + wrong
        else:
            new = cost_of(patches, here, tables, rows, native, lists, room, limit, layer_price)
        if new <= limit:
            cost = new
            copy_layout(here, before)
            if cost < best:
                best = cost
                copy_layout(here, layout)
        else:
            copy_layout(before, here)
    return cost_of(patches, layout, tables, rows, native, lists, room, np.inf, LAYER_PRICE)
