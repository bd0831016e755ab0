"""From a placement to its program and its score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.annealing import IMPOSSIBLE
from backends.compiling.protocol.core.machine_code import inner_machine_code, machine_code
from backends.compiling.protocol.core.native.lowering import (
    FENCE,
    LOSE,
    READ,
    WAIT,
    lower,
)
from backends.compiling.protocol.core.native.pricing import price
from backends.compiling.protocol.core.native.propagation import propagate
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import (
    LONGEST_PATH,
    STAND_IN,
    Placement,
    are_coupled,
)
from backends.compiling.protocol.core.problem import ROWS, TREES, Problem
from backends.compiling.protocol.core.scratch import Scratch, new_scratch
from backends.compiling.protocol.core.trees.decryption import gather_key
from backends.compiling.protocol.core.trees.encryption import (
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
    write_exact,
    write_gates,
)
from backends.compiling.protocol.core.trees.roles import write_letters_of

_MOST_ROWS = 20_000


def scratch_for(problem: Problem, tables: DeviceTables) -> Scratch:
    """Scratch memory for programs of a problem."""
    return new_scratch(_MOST_ROWS, 8 * problem.pairs, len(tables.degree))


@machine_code
def build(problem: Problem, placement: Placement, tables: DeviceTables, scratch: Scratch) -> int:
    """Write the program of a placement, from the first Bell pair to the end of decryption.

    The sites of the logical qubits at the start of ``scratch.lists`` are those at the end.

    Returns:
        The number of rows, or -k if k things are impossible: paths that block each other, key
        qubits that are cut off.
    """
    pairs, rows, lists = problem.pairs, scratch.rows, scratch.lists
    logical_sites(pairs, placement, lists)
    at = _write_preparation(problem, placement, tables, rows)
    if at < 0:
        return at
    at = encrypt(rows, at, placement, pairs)
    at = write_exact(rows, at, lists, 2 * pairs)
    at = write(rows, at, FENCE, 0, 2 * pairs, ENCRYPTED, 0)
    at = _write_waits(problem, placement, rows, at, lists)
    at = _write_decryption(problem, placement, tables, rows, at, lists)
    if at < 0:
        return at
    if problem.conditional:
        for k in range(pairs + 1, 2 * pairs):
            at = write(rows, at, READ, lists[k], k, 0, 0)
        at = write(rows, at, FENCE, 0, 2 * pairs, WAITED, 0)
    return at


@inner_machine_code
def _write_preparation(
    problem: Problem, placement: Placement, tables: DeviceTables, rows: NDArray[np.int64]
) -> int:
    """Write all Bell pairs; returns the next free row, or -k if k paths block each other."""
    pairs = problem.pairs
    order = np.empty(pairs, dtype=np.int64)
    blocked = pair_order(pairs, placement, len(tables.degree), order)
    if blocked > 0:
        return -blocked - 4 * pairs
    at = 0
    if not problem.bell:
        blocked = crossings_of_input(placement, pairs)
        if blocked > 0:
            return -blocked - 4 * pairs
        at = prepare_alone(rows, at, placement, pairs)
    for k in range(pairs):
        if order[k] > 0 or problem.bell:
            at = prepare_pair(rows, at, placement, order[k], pairs)
    return at


@inner_machine_code
def _write_waits(
    problem: Problem,
    placement: Placement,
    rows: NDArray[np.int64],
    at: int,
    lists: NDArray[np.int64],
) -> int:
    """Append what happens between encryption and decryption; returns the next free row."""
    pairs = problem.pairs
    if problem.wait_seconds > 0.0:
        for k in range(2 * pairs):
            at = write(rows, at, WAIT, lists[k], 0, 0, 0)
        at = write(rows, at, FENCE, 0, 2 * pairs, WAITED, 0)
    if problem.lost > 0:
        for i in range(pairs):
            if problem.lost >> i & 1:
                for _ in range(problem.losses):
                    at = write(rows, at, LOSE, placement.site[i], 0, 0, 0)
        at = write(rows, at, FENCE, 0, 2 * pairs, WAITED, 0)
    return at


@inner_machine_code
def _write_decryption(
    problem: Problem,
    placement: Placement,
    tables: DeviceTables,
    rows: NDArray[np.int64],
    at: int,
    lists: NDArray[np.int64],
) -> int:
    """Append decryption; returns the next free row, or -k if k key qubits are cut off."""
    pairs = problem.pairs
    stand_in = placement.scalars[STAND_IN]
    if stand_in > 0:
        clone, key = 1 + problem.clone, pairs + stand_in
        at = write_letters_of(rows, at, problem, lists[clone], 0, stand_in)
        at = write_letters_of(rows, at, problem, lists[key], stand_in, 0)
        lists[clone], lists[key] = lists[key], lists[clone]
    if problem.decoding == TREES:
        at = gather_key(rows, at, problem, _without_paths(pairs, placement, lists), tables)
        if at < 0:
            return at
    elif problem.decoding == ROWS:
        at = write_gates(rows, at, problem.post, lists)
    for k in range(2 * pairs):
        if problem.exact[k]:
            at = write_exact(rows, at, lists[k : k + 1], 1)
    return write(rows, at, FENCE, 0, 2 * pairs, DECRYPTED, 0)


@inner_machine_code
def _without_paths(pairs: int, placement: Placement, lists: NDArray[np.int64]) -> Placement:
    """A placement with qubits on the sites of ``lists``, without the paths that led there."""
    path = np.empty((pairs, LONGEST_PATH), dtype=np.int64)
    length = np.empty(pairs, dtype=np.int64)
    for i in range(pairs):
        path[i, 0], path[i, 1] = lists[1 + i], lists[0 if i == 0 else pairs + i]
        length[i] = 2
    return Placement(
        path[:, 0].copy(),
        placement.parent,
        placement.scalars,
        path,
        length,
        placement.meet,
        placement.turned,
        placement.flip,
    )


@machine_code
def native_program(
    problem: Problem, placement: Placement, tables: DeviceTables, scratch: Scratch
) -> int:
    """Write the native program of a placement, readout of what the strings touch included.

    Returns:
        Its length, or -k if k things are impossible.
    """
    rows, lists = scratch.rows, scratch.lists
    count = build(problem, placement, tables, scratch)
    if count < 0:
        return count
    for k in range(2 * problem.pairs):
        # A key that a correction waits for was read before.
        late = k <= problem.pairs or not problem.conditional
        if late and problem.first_x[k] | problem.first_z[k] != np.uint64(0):
            count = write(rows, count, READ, lists[k], k, 0, 0)
    frames = np.zeros(len(tables.degree), dtype=np.int64)
    length = lower(rows[:count], tables, frames, scratch.native)
    if length < 0:
        return -4 * problem.pairs
    if problem.beside_clone and not are_coupled(tables, lists[0], lists[1 + problem.clone]):
        return -1
    return length


@machine_code
def losses_of(
    problem: Problem,
    placement: Placement,
    tables: DeviceTables,
    scratch: Scratch,
    losses: NDArray[np.float64],
) -> int:
    """Score a placement: losses are written to ``losses``, shape (causes, strings).

    Returns:
        How many things make the placement impossible; 0 if it works.
    """
    length = native_program(problem, placement, tables, scratch)
    if length < 0:
        return -length
    lists, sites = scratch.lists, len(tables.degree)
    x = np.zeros(sites, dtype=np.uint64)
    z = np.zeros(sites, dtype=np.uint64)
    for k in range(2 * problem.pairs):
        if problem.first_x[k] | problem.first_z[k] != np.uint64(0):
            x[lists[k]] = problem.first_x[k]
            z[lists[k]] = problem.first_z[k]
    bits = problem.first_x | problem.first_z
    losses[:] = 0.0
    delays = np.full(1, problem.wait_seconds)
    vanished = propagate(scratch.native[:length], lists, delays, tables, x, z, bits, losses)
    # A correlator that vanishes without noise would be a fault of the construction.
    return 0 if vanished == np.uint64(0) else 8 * problem.pairs


@machine_code
def cost_of(
    problem: Problem,
    placement: Placement,
    tables: DeviceTables,
    scratch: Scratch,
    limit: float = np.inf,
) -> tuple[float, int]:
    """Sum of -log of all correlators, or :data:`IMPOSSIBLE` and more; and two-qubit layers.

    Costs above ``limit`` are not told apart.
    """
    length = native_program(problem, placement, tables, scratch)
    if length < 0:
        return IMPOSSIBLE - length, 0
    total, layers = price(
        scratch.native,
        length,
        scratch.lists,
        np.full(1, problem.wait_seconds),
        tables,
        problem.first_x,
        problem.first_z,
        scratch.sweep,
        limit,
    )
    return (IMPOSSIBLE + 8 * problem.pairs if total < 0.0 else total), layers
