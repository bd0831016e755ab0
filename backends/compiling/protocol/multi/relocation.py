"""A layout that was found in one region of a device, tried everywhere else on it.

A search that starts in one region finds a layout there; where errors are lower, it may have found a
worse one. What a layout needs is couplers alone, so that it can be carried over.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.annealing import IMPOSSIBLE, copy_of
from backends.compiling.protocol.core.embedding import couplers_of, images, numbered
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.tournament import Found
from backends.compiling.protocol.multi.layout import Layout
from backends.compiling.protocol.multi.problem import MultiProblem
from backends.compiling.protocol.multi.programs import cost_of, native_program, scratch_for


def relocate(
    problem: MultiProblem,
    layout: Layout,
    tables: DeviceTables,
    region: NDArray[np.bool_],
    most: int,
) -> list[Found[Layout]]:
    """Carry a layout over to other sites of its device.

    Args:
        problem: what is placed.
        layout: one that works.
        tables: the device.
        region: which device qubits may be used, shape (device qubits,).
        most: how many are wanted.

    Returns:
        The best other layouts, best first.
    """
    scratch = scratch_for(problem, layout)
    length = native_program(problem, layout, tables, scratch)
    used = couplers_of(scratch.native[:length])
    number = numbered(used, int(layout.site[0, 0]))
    if len(number) < len({q for pair in used for q in pair}):
        return []  # in parts, which could move apart
    here = np.array(list(number))
    found: list[Found[Layout]] = []
    for image in images([(number[a], number[b]) for a, b in used], region, tables):
        if not np.array_equal(image, here):
            there = _carry_over(layout, here, image)
            # A limit that no layout that works exceeds: what stands in the way is counted first.
            found.append(Found(*cost_of(problem, there, tables, scratch, IMPOSSIBLE), there))
    best = sorted(found, key=lambda one: one.rank)
    return [one for one in best[:most] if one.cost < IMPOSSIBLE]


def _carry_over(layout: Layout, here: NDArray[np.int64], there: NDArray[np.int64]) -> Layout:
    """The same layout with device qubit ``there[k]`` for ``here[k]``."""
    out = copy_of(layout)
    # Every device qubit goes somewhere, so that ranks stay a permutation.
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
