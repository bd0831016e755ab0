"""Decryption that hands back the qubit: pairs of key qubits, then trees onto the clone.

After encryption two commuting strings show Z and X of the input; the clone and every key qubit
carry a letter of each. A gate C(P_u, Q_v) between two key qubits leaves the string P on v only and
Q on u only. From then on every key qubit holds one bit, and the clone lacks a Pauli that depends on
their sums: X by one sum, Z by another, both by bits in both. So a bit has a type among X, Z and XZ,
which add up like bits: a tree of neighbours gathers a sum onto the clone, one gate an edge, and
takes its own type off every bit in it. Three trees, one for each type, finish the work. Qubits in
|0> may stand in a tree, and in the first tree bits of other types too: they are left with the third
type. That tree may as well be written last, when the others have taken away what it leaves: then
the qubits that it crosses need not be cleared. A qubit that a later tree needs is first cleared of
what it gathered. The key is discarded, so nothing else is undone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.core.native.lowering import GATE, LOCAL
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import DETOUR, ORDER, TIES, Placement, partner_site
from backends.compiling.protocol.core.problem import Problem
from backends.compiling.protocol.core.trees.encryption import write
from backends.compiling.protocol.core.trees.roles import permutation_taking

_BY_X, _BY_Z, _BY_BOTH, _DONE = 1, 2, 3, 4
_X, _Z = 0, 2

TREE_ORDERS = np.array([[1, 2, 3], [2, 1, 3], [3, 1, 2], [3, 2, 1], [1, 3, 2], [2, 3, 1]])
"""Orders of the three trees; :attr:`Placement.scalars` names one, plus 6 if the first is written
last."""

CLOSED, OPEN, GATHERED, SPOILT = 0, 1, 2, 3
"""States of a device qubit: not to be used, holding its own bit (0 for a spare one), holding the
sum of its subtree too, and that without a way back."""


@inner_machine_code
def gather_key(
    rows: NDArray[np.int64], at: int, problem: Problem, placement: Placement, tables: DeviceTables
) -> int:
    """Append decryption with trees.

    What a device qubit holds is a row of ``held``, shape (device qubits, 4), int64: its state, the
    type of its bit, the letter that shows it, its parent in the last tree. A tree is an array of
    shape (5, device qubits), int64: the parent of each device qubit in it, whether it is in it, its
    members, and two rows of scratch memory.

    Returns:
        The next free row, or -k if k key qubits are cut off from the clone.
    """
    sites = len(tables.degree)
    held = np.zeros((sites, 4), dtype=np.int64)
    for s in range(sites):
        held[s, 0], held[s, 2], held[s, 3] = OPEN, _Z, -1
    for i in range(problem.pairs):
        held[placement.site[i], 0] = CLOSED
    held[partner_site(placement, 0), 0] = CLOSED
    for i in range(1, problem.pairs):
        j = problem.mate[i]
        u = partner_site(placement, i)
        if j < 0:
            held[u, 1], held[u, 2] = _BY_BOTH, problem.letter_z[i]
        elif i < j:
            v, a, b = partner_site(placement, j), i, j
            if placement.flip[i]:
                u, v, a, b = v, u, b, a
            at = write(rows, at, GATE, u, problem.letter_z[a], v, problem.letter_x[b])
            # The string of Z is shifted by Paulis that anticommute with it: by X of the clone.
            held[v, 1], held[v, 2] = _BY_X, problem.letter_z[b]
            held[u, 1], held[u, 2] = _BY_Z, problem.letter_x[a]
    clone = placement.site[problem.clone]
    shape = tables.neighbours, tables.degree
    order, last = placement.scalars[ORDER] % 6, placement.scalars[ORDER] >= 6
    planned = np.empty((5, sites), dtype=np.int64)
    tree = np.empty((5, sites), dtype=np.int64)
    missing, kept = 0, 0
    for k in range(3):
        wanted = TREE_ORDERS[order, k]
        detour = placement.scalars[DETOUR] if k == 0 else sites
        room = planned if k == 0 else tree
        count = _grow(wanted, detour, placement.scalars[TIES], clone, held, room, *shape)
        if count < 0:
            missing -= count
        elif k == 0 and last:
            kept = count
            _cross(wanted, count, held, room)
        else:
            onto = _letter_on_clone(problem, wanted)
            at = _gather(rows, at, count, clone, onto, held, room, *shape)
            if not last:
                _cross(wanted, count, held, room)
            _close(wanted, count, held, room, planned, last)
    if missing > 0:
        return -missing
    if last:
        onto = _letter_on_clone(problem, TREE_ORDERS[order, 0])
        at = _gather(rows, at, kept, clone, onto, held, planned, *shape)
    # The clone's letters become Z and X.
    code = permutation_taking(problem.clone_z, _Z, problem.clone_x, _X)
    return write(rows, at, LOCAL, clone, code, 0, 0)


@inner_machine_code
def _letter_on_clone(problem: Problem, wanted: int) -> int:
    """What a bit of this type takes off the clone."""
    if wanted == _BY_X:
        return problem.clone_x
    if wanted == _BY_Z:
        return problem.clone_z
    return 3 - problem.clone_z - problem.clone_x


@inner_machine_code
def _grow(
    wanted: int,
    detour: int,
    ties: int,
    clone: int,
    held: NDArray[np.int64],
    room: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    degree: NDArray[np.int64],
) -> int:
    """Grow a tree that joins all bits of one type to the clone, each by its shortest path in turn.

    Args:
        wanted: the type.
        detour: how many steps a path goes around bits of other types before it crosses them.
        ties: bits that say how ties between shortest paths are broken.
        clone: device qubit of the clone.
        held: what each device qubit holds, see :func:`gather_key`.
        room: the tree, see :func:`gather_key`; overwritten.
        neighbours: of the device, see :class:`DeviceTables`.
        degree: likewise.

    Returns:
        How many qubits are in it, or -k if k bits are cut off.
    """
    sites = len(held)
    back, in_tree, members, seen, queue = room[0], room[1], room[2], room[3], room[4]
    left = 0
    for s in range(sites):
        left += held[s, 1] == wanted
        in_tree[s] = 0
        seen[s] = 0
    members[0], count = clone, 1
    in_tree[clone] = 1
    looks = 0
    while left > 0:
        looks += 2
        args = (ties, looks, members, count, back, seen, queue, held, neighbours, degree)
        found = _nearest(wanted, detour, False, *args)
        if found < 0 and detour < sites:
            found = _nearest(wanted, sites, True, *args)
        if found < 0:
            return -left
        while in_tree[found] == 0:
            in_tree[found] = 1
            left -= held[found, 1] == wanted
            members[count] = found
            count += 1
            found = back[found]
    return count


@inner_machine_code
def _gather(
    rows: NDArray[np.int64],
    at: int,
    count: int,
    clone: int,
    onto_clone: int,
    held: NDArray[np.int64],
    room: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    degree: NDArray[np.int64],
) -> int:
    """Write the gates of a tree, from its leaves to the clone."""
    back, in_tree, members, height = room[0], room[1], room[2], room[4]
    for m in range(1, count):
        at = _cleared(rows, at, members[m], in_tree, clone, held, neighbours, degree)
    tallest = 0
    for m in range(count):
        height[members[m]] = 0
    for m in range(1, count):
        held[members[m], 3] = back[members[m]]
    for m in range(1, count):
        here, h = members[m], 0
        while here != clone:
            here = held[here, 3]
            h += 1
            height[here] = max(height[here], h)
        tallest = max(tallest, h)
    for h in range(tallest):
        for m in range(1, count):
            here = members[m]
            if height[here] != h:
                continue
            up = held[here, 3]
            onto = onto_clone if up == clone else (held[up, 2] + 1) % 3
            at = write(rows, at, GATE, here, held[here, 2], up, onto)
            if up != clone:
                held[up, 0] = GATHERED
    return at


@inner_machine_code
def _cross(wanted: int, count: int, held: NDArray[np.int64], room: NDArray[np.int64]) -> None:
    """Bits of other types in a tree are left with the third type."""
    for m in range(1, count):
        here = room[2, m]
        if held[here, 1] not in (0, wanted):
            held[here, 1] ^= wanted


@inner_machine_code
def _close(
    wanted: int,
    count: int,
    held: NDArray[np.int64],
    room: NDArray[np.int64],
    planned: NDArray[np.int64],
    last: bool,
) -> None:
    """Bits of a tree's own type are done; what the planned tree needs stays as it is for it."""
    for m in range(1, count):
        here = room[2, m]
        if held[here, 1] != wanted:
            continue
        if last and planned[1, here] != 0:
            held[here, 1] = _DONE
        else:
            held[here, 1] = 0
            held[here, 0] = CLOSED if held[here, 0] == OPEN else SPOILT


@inner_machine_code
def _nearest(
    wanted: int,
    furthest: int,
    across: bool,
    ties: int,
    look: int,
    members: NDArray[np.int64],
    count: int,
    back: NDArray[np.int64],
    seen: NDArray[np.int64],
    queue: NDArray[np.int64],
    held: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    degree: NDArray[np.int64],
) -> int:
    """The bit of the wanted type nearest to a tree, ``across`` others or not; -1 if none.

    What was seen is marked by the number of the look. Ties are broken by ``ties``.
    """
    look += across
    for m in range(count):
        queue[m] = members[m]
        seen[members[m]] = look
    head, tail, ring, distance = 0, count, count, 1
    while head < tail:
        if head == ring:
            ring = tail
            distance += 1
        if distance > furthest:
            return -1
        here = queue[head]
        head += 1
        for k in range(degree[here]):
            there = neighbours[here, (k + (ties >> (here & 7))) % degree[here]]
            if seen[there] == look or not (OPEN <= held[there, 0] <= GATHERED):
                continue
            kind = held[there, 1]
            if kind not in (0, wanted) and not across:
                continue
            seen[there] = look
            back[there] = here
            if kind == wanted:
                return there
            queue[tail] = there
            tail += 1
    return -1


@inner_machine_code
def _cleared(
    rows: NDArray[np.int64],
    at: int,
    here: int,
    in_tree: NDArray[np.int64],
    clone: int,
    held: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    degree: NDArray[np.int64],
) -> int:
    """Take off a qubit what it gathered in an earlier tree: its children hold the same still."""
    while held[here, 0] == GATHERED:
        # From above: whatever is still wanted has to be cleared before its child.
        top = here
        while True:
            up = held[top, 3]
            if up < 0 or up == clone or held[up, 0] != GATHERED:
                break
            if held[up, 1] == 0 and in_tree[up] == 0:
                break
            top = up
        up = held[top, 3]
        if up >= 0 and up != clone and held[up, 0] == GATHERED:
            held[up, 0] = SPOILT
        for k in range(degree[top]):
            child = neighbours[top, k]
            if held[child, 3] == top:
                at = write(rows, at, GATE, child, held[child, 2], top, (held[top, 2] + 1) % 3)
                held[child, 3] = -1
        held[top, 0] = OPEN
    return at
