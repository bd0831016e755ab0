"""From a placement to its program and its score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.protocol_compiler.compiled import inner_machine_code, machine_code
from backends.protocol_compiler.decoding import gather_key
from backends.protocol_compiler.encoding import (
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
from backends.protocol_compiler.lowering import EXACT, FENCE, GATE, LOSE, READ, WAIT, lower
from backends.protocol_compiler.placement import Placement, partner_site
from backends.protocol_compiler.problem import ROWS, TREES, Problem
from backends.protocol_compiler.propagation import propagate
from backends.protocol_compiler.tables import DeviceTables

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
    if problem.decoding == TREES:
        at = gather_key(rows, at, problem, place, tables)
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
    count = build(problem, place, tables, rows, lists)
    if count < 0:
        return -count
    zero = np.uint64(0)
    sites = len(tables.degree)
    x = np.zeros(sites, dtype=np.uint64)
    z = np.zeros(sites, dtype=np.uint64)
    bits = np.zeros(2 * problem.pairs, dtype=np.uint64)
    for k in range(2 * problem.pairs):
        touched = problem.first_x[k] | problem.first_z[k]
        if touched != zero:
            if k <= problem.pairs or not problem.conditional:
                count = write(rows, count, READ, lists[k], k, 0, 0)
            x[lists[k]] = problem.first_x[k]
            z[lists[k]] = problem.first_z[k]
            bits[k] = touched
    frames = np.zeros(sites, dtype=np.int64)
    length = lower(rows[:count], tables, frames, native)
    if length < 0:
        return 4 * problem.pairs
    if problem.beside_clone:
        r, c = partner_site(place, 0), place.site[problem.clone]
        if not (tables.native[r, c] or tables.native[c, r]):
            return 1
    losses[:] = 0.0
    delays = np.full(1, problem.wait_seconds)
    vanished = propagate(native[:length], lists, delays, tables, x, z, bits, losses)
    # A correlator that vanishes without noise would be a fault of the construction.
    return 0 if vanished == zero else 8 * problem.pairs


@inner_machine_code
def cost_of(
    problem: Problem,
    place: Placement,
    tables: DeviceTables,
    rows: NDArray[np.int64],
    native: NDArray[np.int64],
    lists: NDArray[np.int64],
    losses: NDArray[np.float64],
) -> float:
    """Sum of -log of all correlators, or :data:`IMPOSSIBLE` and more."""
    wrong = losses_of(problem, place, tables, rows, native, lists, losses)
    if wrong > 0:
        return IMPOSSIBLE + wrong
    total = 0.0
    for cause in range(3):
        for s in range(problem.strings):
            total += losses[cause, s]
    return total
