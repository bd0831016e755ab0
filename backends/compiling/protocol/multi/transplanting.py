"""A layout that was found at one place of a device, tried at all others.

A search that starts in one place finds a layout there; where errors are lower, in another, it may
have found a worse one. What a layout needs is couplers alone, so that it can be carried over.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.building import IMPOSSIBLE
from backends.compiling.protocol.compiled import machine_code
from backends.compiling.protocol.multi.building import cost_of, most_rows, native_program
from backends.compiling.protocol.multi.layout import Layout, conflicts
from backends.compiling.protocol.multi.problem import Patches
from backends.compiling.protocol.patterns.embedding import couplers_of, images, numbered
from backends.compiling.protocol.pricing import LAYER_PRICE, room_for
from backends.compiling.protocol.tables import DeviceTables


def elsewhere(
    patches: Patches, layout: Layout, tables: DeviceTables, region: NDArray[np.bool_], most: int
) -> list[tuple[float, Layout]]:
    """The best other places of a layout on its device, best first, and what they cost.

    Args:
        patches: what is placed.
        layout: one that works.
        tables: the device.
        region: which device qubits may be used.
        most: how many are wanted.
    """
    rows = np.zeros((most_rows(patches, layout), 5), dtype=np.int64)
    native = np.zeros((3 * len(rows), 4), dtype=np.int64)
    length = _write(patches, layout, tables, rows, native)
    used = couplers_of(native[:length])
    number = numbered(used, int(layout.site[0, 0]))
    if len(number) < len({q for pair in used for q in pair}):
        return []  # in parts, which could move apart
    here = np.array(list(number))
    found: list[tuple[float, Layout]] = []
    for image in images([(number[a], number[b]) for a, b in used], region, tables):
        if not np.array_equal(image, here):
            there = _carried(layout, here, image)
            found.append((_cost(patches, there, tables, rows, native), there))
    best = sorted(found, key=lambda one: one[0])
    return [one for one in best[:most] if one[0] < IMPOSSIBLE]


def _carried(layout: Layout, here: NDArray[np.int64], there: NDArray[np.int64]) -> Layout:
    """The same layout with ``there[k]`` in the place of ``here[k]``."""
    out = Layout(*(part.copy() for part in layout))
    # Every device qubit has a place to go to, so that ranks stay a permutation.
    sites = len(layout.rank)
    moved = np.full(sites, -1, dtype=np.int64)
    moved[here] = there
    moved[moved < 0] = np.setdiff1d(np.arange(sites), there)
    for b, i in np.ndindex(*layout.length.shape):
        out.path[b, i, layout.length[b, i] :] = -1
    for part in (out.site, out.path):
        part[part >= 0] = moved[part[part >= 0]]
    out.rank[moved] = layout.rank
    return out


@machine_code
def _write(
    patches: Patches,
    layout: Layout,
    tables: DeviceTables,
    rows: NDArray[np.int64],
    native: NDArray[np.int64],
) -> int:
    """Write the native program; see :func:`native_program`."""
    lists = np.zeros(3 * patches.qubits + 2 * patches.blocks * patches.pairs, dtype=np.int64)
    return native_program(patches, layout, tables, rows, native, lists)


@machine_code
def _cost(
    patches: Patches,
    layout: Layout,
    tables: DeviceTables,
    rows: NDArray[np.int64],
    native: NDArray[np.int64],
) -> float:
    """What a layout costs; :data:`IMPOSSIBLE` and more if something stands in the way."""
    lists = np.zeros(3 * patches.qubits + 2 * patches.blocks * patches.pairs, dtype=np.int64)
    held = np.empty(len(tables.degree), dtype=np.int64)
    sequence = np.empty(patches.pairs, dtype=np.int64)
    wrong = conflicts(patches, layout, held, sequence)
    if wrong > 0:
        return IMPOSSIBLE + wrong
    room = room_for(len(tables.degree))
    return cost_of(patches, layout, tables, rows, native, lists, room, np.inf, LAYER_PRICE)
