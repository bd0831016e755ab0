"""From a layout of several blocks to its program and its score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.annealing import IMPOSSIBLE
from backends.compiling.protocol.core.machine_code import inner_machine_code, machine_code
from backends.compiling.protocol.core.native.lowering import FENCE, GATE, READ, lower
from backends.compiling.protocol.core.native.pricing import price
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import LONGEST_PATH, Placement, are_coupled
from backends.compiling.protocol.core.problem import ROWS
from backends.compiling.protocol.core.scratch import Scratch, new_scratch
from backends.compiling.protocol.core.trees.decryption import gather_key
from backends.compiling.protocol.core.trees.encryption import (
    DECRYPTED,
    ENCRYPTED,
    SPREAD,
    encrypt,
    write,
    write_exact,
    write_gates,
)
from backends.compiling.protocol.core.trees.roles import write_letters_of
from backends.compiling.protocol.multi.crossings import (
    DATA,
    KEY,
    fetch_across,
    prepare_across,
)
from backends.compiling.protocol.multi.ghz_state import write_ghz_state
from backends.compiling.protocol.multi.layout import (
    Layout,
    block_of,
    conflicts,
    enter,
    has_partner,
    hold_inputs,
    last_site,
)
from backends.compiling.protocol.multi.problem import MultiProblem
from backends.compiling.protocol.multi.roles import logical_number

_CORRELATORS = 3.0
_CUT_OFF = 3


def scratch_for(problem: MultiProblem, layout: Layout) -> Scratch:
    """Scratch memory for programs of layouts with paths of this length, decryption included."""
    sites, longest = len(layout.rank), layout.path.shape[2]
    every_block = problem.pairs * (6 * longest + 20)
    rows = problem.blocks * every_block + 16 * sites + len(problem.post) + 8 * problem.qubits
    lists = 3 * problem.qubits + 2 * problem.blocks * problem.pairs
    return new_scratch(rows, lists, sites)


@inner_machine_code
def final_sites(problem: MultiProblem, layout: Layout, lists: NDArray[np.int64]) -> None:
    """Write where each logical qubit is after all encryption to the start of ``lists``."""
    for b in range(problem.blocks):
        for i in range(problem.pairs):
            # Children come after their parents, and have moved what they encrypt.
            lists[problem.data[b, i]] = layout.site[b, i]
            if problem.partner[b, i] >= 0:
                lists[problem.partner[b, i]] = last_site(layout, b, i)


@inner_machine_code
def hand_over(
    rows: NDArray[np.int64],
    at: int,
    problem: MultiProblem,
    layout: Layout,
    lists: NDArray[np.int64],
) -> int:
    """Append what gives clones and keys their roles in decryption, and update ``lists``."""
    flat = problem.flat
    sites = np.empty(flat.pairs, dtype=np.int64)
    for g in range(len(problem.clones)):
        for k in range(flat.pairs):
            sites[k] = lists[logical_number(problem, g, k)]
        for k in range(flat.pairs):
            own = layout.role[g, k]
            if own != k:
                at = write_letters_of(rows, at, flat, sites[own], own, k)
                lists[logical_number(problem, g, k)] = sites[own]
    return at


@inner_machine_code
def _mates_apart(problem: MultiProblem, tables: DeviceTables, lists: NDArray[np.int64]) -> int:
    """How many qubits that are read together do not stand beside each other."""
    apart, flat = 0, problem.flat
    for g in range(len(problem.clones)):
        for k in range(1, flat.pairs):
            if flat.mate[k] > k:
                here = lists[logical_number(problem, g, k)]
                there = lists[logical_number(problem, g, flat.mate[k])]
                apart += not are_coupled(tables, here, there)
    return apart


@machine_code
def build(problem: MultiProblem, layout: Layout, tables: DeviceTables, scratch: Scratch) -> int:
    """Write the program of a layout, from the first gate to the end of decryption.

    The sites of the logical qubits at the start of ``scratch.lists`` are those at the end.

    Returns:
        The number of rows, or -k if k things are impossible.
    """
    qubits, rows, lists = problem.qubits, scratch.rows, scratch.lists
    held = np.empty(len(tables.degree), dtype=np.int64)
    final_sites(problem, layout, lists)
    hand_over(rows, 0, problem, layout, lists)
    wrong = hold_inputs(problem, layout, held) + _mates_apart(problem, tables, lists)
    final_sites(problem, layout, lists)
    at = 0
    if problem.ghz:
        at = write_ghz_state(rows, at, problem, layout, tables)
        if at < 0:
            return -_CUT_OFF * problem.blocks
        start = qubits + 2 * problem.pairs * problem.blocks
        for b in range(problem.blocks):
            lists[start + b] = layout.site[b, 0]
        at = write_exact(rows, at, lists[start:], problem.blocks)
        at = write(rows, at, FENCE, start, problem.blocks, SPREAD, 0)
    at = _write_blocks(problem, layout, tables, rows, at, lists, held, wrong)
    if at < 0:
        return at
    at = write_exact(rows, at, lists, qubits)
    at = write(rows, at, FENCE, 0, qubits, ENCRYPTED, 0)
    at = hand_over(rows, at, problem, layout, lists)
    if problem.decoding == ROWS:
        at = write_gates(rows, at, problem.post, lists)
    else:
        at = _gather_keys(rows, at, problem, layout, tables, lists)
        if at < 0:
            return at
    for q in range(qubits):
        if problem.exact[q]:
            at = write_exact(rows, at, lists[q : q + 1], 1)
    return write(rows, at, FENCE, 0, qubits, DECRYPTED, 0)


@inner_machine_code
def _write_blocks(
    problem: MultiProblem,
    layout: Layout,
    tables: DeviceTables,
    rows: NDArray[np.int64],
    at: int,
    lists: NDArray[np.int64],
    held: NDArray[np.int64],
    wrong: int,
) -> int:
    """Append the Bell pairs and the encryption of all blocks, in the order of the layout.

    Args:
        problem: what is placed.
        layout: where.
        tables: the device.
        rows: the program, shape (rows at most, 5).
        at: the next free row.
        lists: qubits of fences; those of the Bell pairs are written behind the logical qubits.
        held: which device qubits are in use, shape (device qubits,); overwritten.
        wrong: how many things are impossible already: then nothing is written.

    Returns:
        The next free row, or -k if k things are impossible.
    """
    pairs, qubits = problem.pairs, problem.qubits
    standing = np.zeros(len(tables.degree), dtype=np.int64)
    sequence = np.empty(pairs, dtype=np.int64)
    made = np.zeros(problem.blocks, dtype=np.bool_)
    for k in range(problem.blocks):
        b = layout.order[k]
        placement = block_of(layout, b)
        made[b] = True
        if problem.source[b, 0] >= 0 and not made[problem.source[b, 0]]:
            wrong += 1  # what it clones is not there yet
        wrong += enter(problem, layout, b, held, sequence)
        if wrong > 0:
            continue
        for m in range(pairs):
            i = sequence[m]
            if has_partner(problem, b, i):
                at = prepare_across(rows, at, placement, i, pairs, standing)
                start = qubits + 2 * (b * pairs + i)
                lists[start], lists[start + 1] = layout.site[b, i], last_site(layout, b, i)
                rows[at - 1, 1], rows[at - 1, 3] = start, b * pairs + i
            elif problem.source[b, 0] >= 0:
                at = fetch_across(rows, at, placement, standing)
                standing[last_site(layout, b, i)] = 0
            standing[layout.site[b, i]] = DATA
            if has_partner(problem, b, i):
                standing[last_site(layout, b, i)] = KEY if i > 0 else DATA
        at = encrypt(rows, at, placement, pairs)
    return -wrong if wrong > 0 else at


@inner_machine_code
def _placement_of_keys(
    problem: MultiProblem, layout: Layout, g: int, lists: NDArray[np.int64]
) -> Placement:
    """A clone and all keys on its path where they are, as a placement of :attr:`flat`."""
    size = problem.flat.pairs
    flat = Placement(
        np.empty(size, dtype=np.int64),
        np.empty(size, dtype=np.int64),
        layout.scalars[problem.path_block[g, size - 1]].copy(),
        np.empty((size, LONGEST_PATH), dtype=np.int64),
        np.empty(size, dtype=np.int64),
        np.zeros(size, dtype=np.int64),
        np.zeros(size, dtype=np.int64),
        np.zeros(size, dtype=np.int64),
    )
    for k in range(size):
        b, i = problem.path_block[g, k], problem.path_pair[g, k]
        flat.site[k] = lists[problem.data[b, i]]
        flat.path[k, 0] = flat.site[k]
        flat.length[k] = 1
        flat.flip[k] = layout.flip[b, i]
        if problem.partner[b, i] >= 0:
            flat.path[k, 1] = lists[problem.partner[b, i]]
            flat.length[k] = 2
    return flat


@inner_machine_code
def _with_neighbours(
    tables: DeviceTables, neighbours: NDArray[np.int64], degree: NDArray[np.int64]
) -> DeviceTables:
    """The same device with other neighbours."""
    return DeviceTables(
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


@inner_machine_code
def _gather_keys(
    rows: NDArray[np.int64],
    at: int,
    problem: MultiProblem,
    layout: Layout,
    tables: DeviceTables,
    lists: NDArray[np.int64],
) -> int:
    """Append decryption of each clone by trees, which keep off all other qubits.

    Returns:
        The next free row, or -k if k key qubits are cut off.
    """
    size, sites = problem.flat.pairs, len(tables.degree)
    closed = np.zeros(sites, dtype=np.bool_)
    for q in range(problem.qubits):
        closed[lists[q]] = True
    neighbours = np.empty(tables.neighbours.shape, dtype=np.int64)
    degree = np.empty(sites, dtype=np.int64)
    free = _with_neighbours(tables, neighbours, degree)
    missing = 0
    for g in range(len(problem.clones)):
        flat = _placement_of_keys(problem, layout, g, lists)
        for k in range(1, size):
            if flat.length[k] == 2:
                closed[flat.path[k, 1]] = False
        closed[lists[problem.clones[g]]] = False
        for s in range(sites):
            degree[s] = 0
            for k in range(tables.degree[s]):
                if not closed[tables.neighbours[s, k]]:
                    neighbours[s, degree[s]] = tables.neighbours[s, k]
                    degree[s] += 1
        end = gather_key(rows, at, problem.flat, flat, free)
        if end < 0:
            missing -= end
            continue
        for k in range(at, end):
            closed[rows[k, 1]] = True
            if rows[k, 0] == GATE:
                closed[rows[k, 3]] = True
        at = end
    return -missing if missing > 0 else at


@machine_code
def native_program(
    problem: MultiProblem, layout: Layout, tables: DeviceTables, scratch: Scratch
) -> int:
    """Write a layout's native program, readouts included.

    Returns:
        Its length, or -k if k things make the layout impossible.
    """
    rows, lists = scratch.rows, scratch.lists
    count = build(problem, layout, tables, scratch)
    if count < 0:
        return count
    if problem.beside_clone:
        r, c = lists[problem.partner[0, 0]], lists[problem.clones[0]]
        if not are_coupled(tables, r, c):
            return -1
    for q in range(problem.qubits):
        if problem.first_x[q] | problem.first_z[q] != np.uint64(0):
            count = write(rows, count, READ, lists[q], q, 0, 0)
    frames = np.zeros(len(tables.degree), dtype=np.int64)
    length = lower(rows[:count], tables, frames, scratch.native)
    # Key qubits that are read together may not stand beside each other.
    return length if length >= 0 else -_CUT_OFF


@machine_code
def cost_of(
    problem: MultiProblem,
    layout: Layout,
    tables: DeviceTables,
    scratch: Scratch,
    limit: float = np.inf,
) -> tuple[float, int]:
    """-log of all correlators, or :data:`IMPOSSIBLE` and more; and two-qubit layers.

    The chosen stabilizers of a GHZ state count together as much as three correlators. Costs above
    ``limit`` are not told apart. Where there is a limit, what stands in the way is counted before
    a program is written, which is faster.
    """
    if limit < np.inf:
        held = np.empty(len(tables.degree), dtype=np.int64)
        sequence = np.empty(problem.pairs, dtype=np.int64)
        wrong = conflicts(problem, layout, held, sequence)
        if wrong > 0:
            return IMPOSSIBLE + wrong, 0
    length = native_program(problem, layout, tables, scratch)
    if length < 0:
        return IMPOSSIBLE - length, 0
    share = _CORRELATORS / problem.strings
    total, layers = price(
        scratch.native,
        length,
        scratch.lists,
        np.zeros(1),
        tables,
        problem.first_x,
        problem.first_z,
        scratch.sweep,
        limit / share,
    )
    if total < 0.0:
        return IMPOSSIBLE + 8 * problem.qubits, 0
    return total * share, layers
