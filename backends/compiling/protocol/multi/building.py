"""From a layout of several blocks to its program and its score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.building import IMPOSSIBLE
from backends.compiling.protocol.compiled import inner_machine_code, machine_code
from backends.compiling.protocol.decoding import gather_key
from backends.compiling.protocol.encoding import encrypt, write
from backends.compiling.protocol.lowering import EXACT, FENCE, GATE, READ, lower
from backends.compiling.protocol.multi.aside import DATA, KEY, fetch_across, prepare_across
from backends.compiling.protocol.multi.layout import (
    Layout,
    block_of,
    enter,
    has_partner,
    hold_inputs,
    last_site,
    stand_beside,
)
from backends.compiling.protocol.multi.problem import Patches
from backends.compiling.protocol.multi.roles import logical_number
from backends.compiling.protocol.multi.wire import spread
from backends.compiling.protocol.placement import LONGEST_PATH, Placement
from backends.compiling.protocol.pricing import Room, price
from backends.compiling.protocol.problem import ROWS
from backends.compiling.protocol.stand_in import turned_to
from backends.compiling.protocol.tables import DeviceTables

ENCRYPTED, DECRYPTED, SPREAD = -1, -2, -3
"""Marks of fences; others are block * pairs + pair of the Bell pair that is ready."""

_CORRELATORS = 3.0
_CUT_OFF = 3


def most_rows(patches: Patches, layout: Layout) -> int:
    """A bound on the rows of a program, decryption by trees included."""
    sites, longest = len(layout.rank), layout.path.shape[2]
    every_block = patches.pairs * (6 * longest + 20)
    return patches.blocks * every_block + 16 * sites + len(patches.post) + 8 * patches.qubits


@inner_machine_code
def final_sites(patches: Patches, layout: Layout, lists: NDArray[np.int64]) -> None:
    """Write where each logical qubit is after all encryption to the start of ``lists``."""
    for b in range(patches.blocks):
        for i in range(patches.pairs):
            # Children come after their parents, and have moved what they encrypt.
            lists[patches.data[b, i]] = layout.site[b, i]
            if patches.partner[b, i] >= 0:
                lists[patches.partner[b, i]] = last_site(layout, b, i)


@inner_machine_code
def hand_over(
    rows: NDArray[np.int64], at: int, patches: Patches, layout: Layout, lists: NDArray[np.int64]
) -> int:
    """Append what gives clones and keys their roles in decryption, and update ``lists``."""
    flat = patches.flat
    stands = np.empty(flat.pairs, dtype=np.int64)
    for g in range(len(patches.clones)):
        for k in range(flat.pairs):
            stands[k] = lists[logical_number(patches, g, k)]
        for k in range(flat.pairs):
            own = layout.role[g, k]
            if own != k:
                at = turned_to(rows, at, flat, stands[own], own, k)
                lists[logical_number(patches, g, k)] = stands[own]
    return at


@inner_machine_code
def _mates_apart(patches: Patches, tables: DeviceTables, lists: NDArray[np.int64]) -> int:
    """How many qubits that are read together do not stand beside each other."""
    apart, flat = 0, patches.flat
    for g in range(len(patches.clones)):
        for k in range(1, flat.pairs):
            if flat.mate[k] > k:
                here = lists[logical_number(patches, g, k)]
                there = lists[logical_number(patches, g, flat.mate[k])]
                apart += not stand_beside(tables, here, there)
    return apart


@machine_code
def build(
    patches: Patches,
    layout: Layout,
    tables: DeviceTables,
    rows: NDArray[np.int64],
    lists: NDArray[np.int64],
) -> int:
    """Write the program of a layout, from the first gate to the end of decryption.

    The sites of the logical qubits in ``lists`` are those at the end.

    Returns:
        The number of rows, or -k if k things stand in each other's way.
    """
    pairs, qubits = patches.pairs, patches.qubits
    held = np.empty(len(tables.degree), dtype=np.int64)
    standing = np.zeros(len(tables.degree), dtype=np.int64)
    sequence = np.empty(pairs, dtype=np.int64)
    final_sites(patches, layout, lists)
    hand_over(rows, 0, patches, layout, lists)
    wrong = hold_inputs(patches, layout, held) + _mates_apart(patches, tables, lists)
    final_sites(patches, layout, lists)
    at = 0
    if patches.ghz:
        at = spread(rows, at, patches, layout, tables)
        if at < 0:
            return -_CUT_OFF * patches.blocks
        start = qubits + 2 * pairs * patches.blocks
        for b in range(patches.blocks):
            lists[start + b] = layout.site[b, 0]
            at = write(rows, at, EXACT, layout.site[b, 0], 0, 0, 0)
        at = write(rows, at, FENCE, start, patches.blocks, SPREAD, 0)
    made = np.zeros(patches.blocks, dtype=np.bool_)
    for k in range(patches.blocks):
        b = layout.order[k]
        place = block_of(layout, b)
        made[b] = True
        if patches.source[b, 0] >= 0 and not made[patches.source[b, 0]]:
            wrong += 1  # what it clones is not there yet
        wrong += enter(patches, layout, b, held, sequence)
        if wrong > 0:
            continue
        for m in range(pairs):
            i = sequence[m]
            if has_partner(patches, b, i):
                at = prepare_across(rows, at, place, i, pairs, standing)
                start = qubits + 2 * (b * pairs + i)
                lists[start], lists[start + 1] = layout.site[b, i], last_site(layout, b, i)
                rows[at - 1, 1], rows[at - 1, 3] = start, b * pairs + i
            elif patches.source[b, 0] >= 0:
                at = fetch_across(rows, at, place, standing)
                standing[last_site(layout, b, i)] = 0
            standing[layout.site[b, i]] = DATA
            if has_partner(patches, b, i):
                standing[last_site(layout, b, i)] = KEY if i > 0 else DATA
        at = encrypt(rows, at, place, pairs)
    if wrong > 0:
        return -wrong
    for q in range(qubits):
        at = write(rows, at, EXACT, lists[q], 0, 0, 0)
    at = write(rows, at, FENCE, 0, qubits, ENCRYPTED, 0)
    at = hand_over(rows, at, patches, layout, lists)
    if patches.decoding == ROWS:
        for k in range(len(patches.post)):
            kind, a, b, c, d = patches.post[k]
            at = write(rows, at, kind, lists[a], b, lists[c] if kind == GATE else c, d)
    else:
        at = _gather_keys(rows, at, patches, layout, tables, lists)
        if at < 0:
            return at
    for q in range(qubits):
        if patches.exact[q]:
            at = write(rows, at, EXACT, lists[q], 0, 0, 0)
    return write(rows, at, FENCE, 0, qubits, DECRYPTED, 0)


@inner_machine_code
def _gather_keys(
    rows: NDArray[np.int64],
    at: int,
    patches: Patches,
    layout: Layout,
    tables: DeviceTables,
    lists: NDArray[np.int64],
) -> int:
    """Append decryption of each clone by trees, which keep off everybody else's qubits.

    Returns:
        The next free row, or -k if k key qubits are cut off.
    """
    size, sites = patches.flat.pairs, len(tables.degree)
    flat = Placement(
        np.empty(size, dtype=np.int64),
        np.empty(size, dtype=np.int64),
        layout.scalars[0].copy(),
        np.empty((size, LONGEST_PATH), dtype=np.int64),
        np.empty(size, dtype=np.int64),
        np.zeros(size, dtype=np.int64),
        np.zeros(size, dtype=np.int64),
        np.zeros(size, dtype=np.int64),
    )
    closed = np.zeros(sites, dtype=np.bool_)
    for q in range(patches.qubits):
        closed[lists[q]] = True
    neighbours = np.empty(tables.neighbours.shape, dtype=np.int64)
    degree = np.empty(sites, dtype=np.int64)
    free = DeviceTables(
        tables.entangler,
        tables.pulse_loss,
        tables.pulse_seconds,
        tables.readout_loss,
        tables.readout_seconds,
        tables.relaxation_rate,
        tables.dephasing_rate,
        tables.native,
        tables.gate_loss,
        tables.gate_seconds,
        neighbours,
        degree,
        tables.trains,
    )
    missing = 0
    for g in range(len(patches.clones)):
        for k in range(size):
            b, i = patches.path_block[g, k], patches.path_pair[g, k]
            flat.site[k] = lists[patches.data[b, i]]
            flat.path[k, 0] = flat.site[k]
            flat.length[k] = 1
            flat.flip[k] = layout.flip[b, i]
            if patches.partner[b, i] >= 0:
                flat.path[k, 1] = lists[patches.partner[b, i]]
                flat.length[k] = 2
                if k > 0:
                    closed[flat.path[k, 1]] = False
        flat.scalars[:] = layout.scalars[patches.path_block[g, size - 1]]
        closed[lists[patches.clones[g]]] = False
        for s in range(sites):
            degree[s] = 0
            for k in range(tables.degree[s]):
                if not closed[tables.neighbours[s, k]]:
                    neighbours[s, degree[s]] = tables.neighbours[s, k]
                    degree[s] += 1
        end = gather_key(rows, at, patches.flat, flat, free)
        if end < 0:
            missing -= end
            continue
        for k in range(at, end):
            closed[rows[k, 1]] = True
            if rows[k, 0] == GATE:
                closed[rows[k, 3]] = True
        at = end
    return -missing if missing > 0 else at


@inner_machine_code
def native_program(
    patches: Patches,
    layout: Layout,
    tables: DeviceTables,
    rows: NDArray[np.int64],
    native: NDArray[np.int64],
    lists: NDArray[np.int64],
) -> int:
    """Write a layout's native program, readouts included.

    Returns:
        Its length, or -k if k things make the layout impossible.
    """
    count = build(patches, layout, tables, rows, lists)
    if count < 0:
        return count
    if patches.beside_clone:
        r, c = lists[patches.partner[0, 0]], lists[patches.clones[0]]
        if not stand_beside(tables, r, c):
            return -1
    for q in range(patches.qubits):
        if patches.first_x[q] | patches.first_z[q] != np.uint64(0):
            count = write(rows, count, READ, lists[q], q, 0, 0)
    frames = np.zeros(len(tables.degree), dtype=np.int64)
    length = lower(rows[:count], tables, frames, native)
    # Key qubits that are read together may not stand beside each other.
    return length if length >= 0 else -_CUT_OFF


@inner_machine_code
def cost_of(
    patches: Patches,
    layout: Layout,
    tables: DeviceTables,
    rows: NDArray[np.int64],
    native: NDArray[np.int64],
    lists: NDArray[np.int64],
    room: Room,
    limit: float,
    layer_price: float,
) -> float:
    """-log of all correlators, summed, and the price of the layers; :data:`IMPOSSIBLE` and more.

    The chosen stabilizers of a GHZ state count together as much as three correlators. Nothing above
    ``limit`` is told apart.
    """
    length = native_program(patches, layout, tables, rows, native, lists)
    if length < 0:
        return IMPOSSIBLE - length
    share = _CORRELATORS / patches.strings
    first_x, first_z = patches.first_x, patches.first_z
    total, layers = price(
        native, length, lists, np.zeros(1), tables, first_x, first_z, room, limit / share
    )
    if total < 0.0:
        return IMPOSSIBLE + 8 * patches.qubits
    return total * share + layer_price * layers
