"""From a placement to its program and its score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.compiled import inner_machine_code, machine_code
from backends.compiling.protocol.decoding import gather_key
from backends.compiling.protocol.encoding import (
    DECRYPTED,
    ENCRYPTED,
    WAITED,
    crossings_of_input,
    encrypt,
    logical_sites,
    pair_order,
    prepare_alone,
    prepare_pair,
    write,
)
from backends.compiling.protocol.lowering import EXACT, FENCE, GATE, LOSE, READ, WAIT, lower
from backends.compiling.protocol.placement import LONGEST_PATH, STAND_IN, Placement
from backends.compiling.protocol.pricing import Room, price
from backends.compiling.protocol.problem import ROWS, TREES, Problem
from backends.compiling.protocol.propagation import propagate
from backends.compiling.protocol.stand_in import turned_to
from backends.compiling.protocol.tables import DeviceTables

IMPOSSIBLE = 1000.0
"""The cost of a placement that does not work, plus how many things are wrong with it."""
MOST_ROWS = 20_000


@machine_code
def build(
    problem: Problem,
    place: Placement,
    tables: DeviceTables,
    rows: NDArray[np.int64],
    lists: NDArray[np.int64],
) -> int:
    """Write the program of a placement, from the first Bell pair to the end of decryption.

    The sites of the logical qubits in ``lists`` are those at the end.

    Returns:
        The number of rows, or -k if k things are impossible: paths that block each other, key
        qubits that are cut off.
    """
    pairs = problem.pairs
    logical_sites(pairs, place, lists)
    order = np.empty(pairs, dtype=np.int64)
    blocked = pair_order(pairs, place, len(tables.degree), order)
    if blocked > 0:
        return -blocked - 4 * pairs
    at = 0
    if not problem.bell:
        blocked = crossings_of_input(place, pairs)
        if blocked > 0:
            return -blocked - 4 * pairs
        at = prepare_alone(rows, at, place, pairs)
    for k in range(pairs):
        if order[k] > 0 or problem.bell:
            at = prepare_pair(rows, at, place, order[k], pairs)
    at = encrypt(rows, at, place, pairs)
    for k in range(2 * pairs):
        at = write(rows, at, EXACT, lists[k], 0, 0, 0)
    at = write(rows, at, FENCE, 0, 2 * pairs, ENCRYPTED, 0)
    if problem.wait_seconds > 0.0:
        for k in range(2 * pairs):
            at = write(rows, at, WAIT, lists[k], 0, 0, 0)
        at = write(rows, at, FENCE, 0, 2 * pairs, WAITED, 0)
    if problem.lost > 0:
        for i in range(pairs):
            if problem.lost >> i & 1:
                for _ in range(problem.losses):
                    at = write(rows, at, LOSE, place.site[i], 0, 0, 0)
        at = write(rows, at, FENCE, 0, 2 * pairs, WAITED, 0)
    stand_in = place.scalars[STAND_IN]
    if stand_in > 0:
        clone, key = 1 + problem.clone, pairs + stand_in
        at = turned_to(rows, at, problem, lists[clone], 0, stand_in)
        at = turned_to(rows, at, problem, lists[key], stand_in, 0)
        lists[clone], lists[key] = lists[key], lists[clone]
    if problem.decoding == TREES:
        at = gather_key(rows, at, problem, _standing(pairs, place, lists), tables)
        if at < 0:
            return at
    elif problem.decoding == ROWS:
        for k in range(len(problem.post)):
            kind, a, b, c, d = problem.post[k]
            at = write(rows, at, kind, lists[a], b, lists[c] if kind == GATE else c, d)
    for k in range(2 * pairs):
        if problem.exact[k]:
            at = write(rows, at, EXACT, lists[k], 0, 0, 0)
    at = write(rows, at, FENCE, 0, 2 * pairs, DECRYPTED, 0)
    if problem.conditional:
        for k in range(pairs + 1, 2 * pairs):
            at = write(rows, at, READ, lists[k], k, 0, 0)
        at = write(rows, at, FENCE, 0, 2 * pairs, WAITED, 0)
    return at


@inner_machine_code
def _standing(pairs: int, place: Placement, lists: NDArray[np.int64]) -> Placement:
    """A placement whose qubits stand where they do, without the ways that led there."""
    path = np.empty((pairs, LONGEST_PATH), dtype=np.int64)
    length = np.empty(pairs, dtype=np.int64)
    for i in range(pairs):
        path[i, 0], path[i, 1] = lists[1 + i], lists[0 if i == 0 else pairs + i]
        length[i] = 2
    return Placement(
        path[:, 0].copy(),
        place.parent,
        place.scalars,
        path,
        length,
        place.meet,
        place.turned,
        place.flip,
    )


@machine_code
def native_program(
    problem: Problem,
    place: Placement,
    tables: DeviceTables,
    rows: NDArray[np.int64],
    native: NDArray[np.int64],
    lists: NDArray[np.int64],
) -> int:
    """Write the native program of a placement, readout of what the strings touch included.

    Returns:
        Its length, or -k if k things are impossible.
    """
    count = build(problem, place, tables, rows, lists)
    if count < 0:
        return count
    for k in range(2 * problem.pairs):
        # A key that a correction waits for was read before.
        late = k <= problem.pairs or not problem.conditional
        if late and problem.first_x[k] | problem.first_z[k] != np.uint64(0):
            count = write(rows, count, READ, lists[k], k, 0, 0)
    length = lower(rows[:count], tables, np.zeros(len(tables.degree), dtype=np.int64), native)
    if length < 0:
        return -4 * problem.pairs
    if problem.beside_clone:
        r, c = lists[0], lists[1 + problem.clone]
        if not (tables.native[r, c] or tables.native[c, r]):
            return -1
    return length


@machine_code
def losses_of(
    problem: Problem,
    place: Placement,
    tables: DeviceTables,
    rows: NDArray[np.int64],
    native: NDArray[np.int64],
    lists: NDArray[np.int64],
    losses: NDArray[np.float64],
) -> int:
    """Score a placement: losses by cause and string are written to ``losses``.

    Returns:
        How many things make the placement impossible; 0 if it works.
    """
    length = native_program(problem, place, tables, rows, native, lists)
    if length < 0:
        return -length
    sites = len(tables.degree)
    x = np.zeros(sites, dtype=np.uint64)
    z = np.zeros(sites, dtype=np.uint64)
    for k in range(2 * problem.pairs):
        if problem.first_x[k] | problem.first_z[k] != np.uint64(0):
            x[lists[k]] = problem.first_x[k]
            z[lists[k]] = problem.first_z[k]
    bits = problem.first_x | problem.first_z
    losses[:] = 0.0
    delays = np.full(1, problem.wait_seconds)
    vanished = propagate(native[:length], lists, delays, tables, x, z, bits, losses)
    # A correlator that vanishes without noise would be a fault of the construction.
    return 0 if vanished == np.uint64(0) else 8 * problem.pairs


@machine_code
def cost_of(
    problem: Problem,
    place: Placement,
    tables: DeviceTables,
    rows: NDArray[np.int64],
    native: NDArray[np.int64],
    lists: NDArray[np.int64],
    room: Room,
    limit: float = np.inf,
) -> tuple[float, int]:
    """Sum of -log of all correlators, or :data:`IMPOSSIBLE` and more; and two-qubit layers.

    Nothing above ``limit`` is told apart.
    """
    length = native_program(problem, place, tables, rows, native, lists)
    if length < 0:
        return IMPOSSIBLE - length, 0
    first_x, first_z = problem.first_x, problem.first_z
    delays = np.full(1, problem.wait_seconds)
    total, layers = price(native, length, lists, delays, tables, first_x, first_z, room, limit)
    return (IMPOSSIBLE + 8 * problem.pairs if total < 0.0 else total), layers
