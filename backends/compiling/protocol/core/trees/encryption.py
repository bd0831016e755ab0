"""Bell pairs just in time, then encryption on a tree, as a program of Pauli gates.

With P(v) the Pauli that a node contributes to a product and B(v) one that anticommutes with it,
C(P_c, B_p) takes P_p to P_c P_p: gathering along the edges turns the product over the tree into
one of two Paulis at its centre, where one gate applies exp(-iπ/4 PP). Both factors of U_enc use the
same B, so that the gates of a leaf edge between them merge: C_B[X] C_B[Z] = C_B[Y] up to a turn.
A leaf edge costs 3 gates, an interior edge 4, the centre 2. Bridges hold the +1 eigenstate of the
Pauli they contribute.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.core.native.frames import QUARTER_TURN, SWAP_XZ, SWAP_YZ
from backends.compiling.protocol.core.native.lowering import EXACT, FENCE, GATE, LOCAL, START
from backends.compiling.protocol.core.placement import NODES, ROOT, SECOND, Placement, partner_site

ENCRYPTED, DECRYPTED, WAITED, SPREAD = -1, -2, -3, -4
"""Marks of fences: the stage that they close. Others are the number of the Bell pair that is ready:
of the pair, or of block * pairs + pair."""

_X, _Y, _Z = 0, 1, 2


@inner_machine_code
def write(rows: NDArray[np.int64], at: int, kind: int, a: int, b: int, c: int, d: int) -> int:
    """Append one row of a program; returns the next free one."""
    rows[at, 0], rows[at, 1], rows[at, 2], rows[at, 3], rows[at, 4] = kind, a, b, c, d
    return at + 1


@inner_machine_code
def write_exact(rows: NDArray[np.int64], at: int, sites: NDArray[np.int64], count: int) -> int:
    """Append that the frames of the first ``count`` of some device qubits are the logical ones."""
    for k in range(count):
        at = write(rows, at, EXACT, sites[k], 0, 0, 0)
    return at


@inner_machine_code
def write_gates(
    rows: NDArray[np.int64], at: int, gates: NDArray[np.int64], sites: NDArray[np.int64]
) -> int:
    """Append gates on logical qubits.

    Args:
        rows: the program, shape (rows at most, 5).
        at: the next free row.
        gates: the same kind of rows, with logical qubits, shape (gates, 5).
        sites: device qubit of each logical qubit.

    Returns:
        The next free row.
    """
    for k in range(len(gates)):
        kind, a, b, c, d = gates[k]
        at = write(rows, at, kind, sites[a], b, sites[c] if kind == GATE else c, d)
    return at


@inner_machine_code
def logical_sites(pairs: int, placement: Placement, lists: NDArray[np.int64]) -> None:
    """Write the sites of R, A, S_1 …, N_1 … to the start of ``lists``, then those of each pair."""
    n = pairs - 1
    for i in range(pairs):
        data, partner = placement.site[i], partner_site(placement, i)
        lists[1 + i] = data
        lists[0 if i == 0 else n + 1 + i] = partner
        lists[2 * pairs + 2 * i] = data
        lists[2 * pairs + 2 * i + 1] = partner


@inner_machine_code
def pair_order(pairs: int, placement: Placement, num_sites: int, order: NDArray[np.int64]) -> int:
    """Order the pairs so that no path crosses a qubit that is in use.

    The order is written to ``order``, shape (pairs,), int64.

    Returns:
        How many crossings of pairs are left that block each other; 0 if there is such an order.
    """
    owner = np.empty(num_sites, dtype=np.int64)
    for s in range(num_sites):
        owner[s] = -1
    for i in range(pairs):
        owner[placement.site[i]] = i
        owner[partner_site(placement, i)] = i
    later = np.zeros((pairs, pairs), dtype=np.bool_)
    waits = np.zeros(pairs, dtype=np.int64)
    for i in range(pairs):
        for k in range(1, placement.length[i] - 1):
            j = owner[placement.path[i, k]]
            if j == i:
                return pairs * pairs
            if j >= 0 and not later[i, j]:
                later[i, j] = True
                waits[j] += 1
    done = 0
    while done < pairs:
        chosen = -1
        for i in range(pairs):
            if waits[i] == 0:
                chosen = i
                break
        if chosen < 0:
            return crossings(later, waits)
        waits[chosen] = -1
        order[done] = chosen
        done += 1
        for j in range(pairs):
            if later[chosen, j]:
                waits[j] -= 1
    return 0


@inner_machine_code
def crossings(later: NDArray[np.bool_], waits: NDArray[np.int64]) -> int:
    """Crossings among the pairs that still wait."""
    count = 0
    for i in range(len(waits)):
        for j in range(len(waits)):
            if waits[i] >= 0 and waits[j] >= 0 and later[i, j]:
                count += 1
    return count


@inner_machine_code
def _move(rows: NDArray[np.int64], at: int, a: int, b: int, axis: int) -> int:
    """Move a qubit into |0> on b, leaving |0> on a; its last gate had this axis."""
    if axis == _Z:
        at = write(rows, at, GATE, a, _Z, b, _X)
        return write(rows, at, GATE, b, _Z, a, _X)
    at = write(rows, at, LOCAL, b, SWAP_XZ, 0, 0)
    at = write(rows, at, GATE, a, _X, b, _Z)
    at = write(rows, at, GATE, b, _X, a, _Z)
    return write(rows, at, LOCAL, a, SWAP_XZ, 0, 0)


@inner_machine_code
def prepare_pair(
    rows: NDArray[np.int64], at: int, placement: Placement, pair: int, pairs: int
) -> int:
    """A Bell pair in the middle of its path, then both halves moved to its ends."""
    meet, last = placement.meet[pair], placement.length[pair] - 1
    a, b = placement.path[pair, meet], placement.path[pair, meet + 1]
    axis_a, axis_b = (_X, _Z) if placement.turned[pair] else (_Z, _X)
    at = write(rows, at, LOCAL, b if placement.turned[pair] else a, SWAP_XZ, 0, 0)
    at = write(rows, at, GATE, a, axis_a, b, axis_b)
    for k in range(max(meet, last - meet - 1)):
        if k < meet:
            at = _move(
                rows, at, placement.path[pair, meet - k], placement.path[pair, meet - k - 1], axis_a
            )
        if k < last - meet - 1:
            at = _move(
                rows,
                at,
                placement.path[pair, meet + 1 + k],
                placement.path[pair, meet + 2 + k],
                axis_b,
            )
    at = write(rows, at, EXACT, placement.path[pair, 0], 0, 0, 0)
    at = write(rows, at, EXACT, placement.path[pair, last], 0, 0, 0)
    return write(rows, at, FENCE, 2 * pairs + 2 * pair, 2, pair, 0)


@inner_machine_code
def prepare_alone(rows: NDArray[np.int64], at: int, placement: Placement, pairs: int) -> int:
    """A state of A alone, made by gates that are not scored: every placement needs them."""
    at = write(rows, at, START, placement.site[0], 0, 0, 0)
    return write(rows, at, FENCE, 2 * pairs, 1, 0, 0)


@inner_machine_code
def crossings_of_input(placement: Placement, pairs: int) -> int:
    """Paths across the qubit of A, whose preparation has to come first."""
    count = 0
    for i in range(1, pairs):
        for k in range(1, placement.length[i] - 1):
            count += placement.path[i, k] == placement.site[0]
    return count


@inner_machine_code
def order_leaves_first(
    placement: Placement, order: NDArray[np.int64], leaf: NDArray[np.bool_]
) -> int:
    """Order the nodes below the centre edge: children before parents, low subtrees first.

    Args:
        placement: the tree.
        order: the nodes in that order, shape (nodes,), int64; overwritten.
        leaf: whether each node is a leaf, shape (nodes,); overwritten.

    Returns:
        How many there are.
    """
    nodes, root, second = (
        placement.scalars[NODES],
        placement.scalars[ROOT],
        placement.scalars[SECOND],
    )
    height = np.zeros(nodes, dtype=np.int64)
    leaf[:nodes] = True
    for v in range(nodes):
        up, h = v, 0
        while placement.parent[up] >= 0:
            up = placement.parent[up]
            h += 1
            leaf[up] = False
            if height[up] < h:
                height[up] = h
    leaf[root] = False
    leaf[second] = False
    count = 0
    for h in range(nodes):
        for v in range(nodes):
            if height[v] == h and v not in (root, second):
                order[count] = v
                count += 1
    return count


@inner_machine_code
def encrypt(rows: NDArray[np.int64], at: int, placement: Placement, pairs: int) -> int:
    """U_enc on the tree: the Z factor, then the X factor."""
    nodes, root, second = (
        placement.scalars[NODES],
        placement.scalars[ROOT],
        placement.scalars[SECOND],
    )
    order = np.empty(nodes, dtype=np.int64)
    leaf = np.empty(nodes, dtype=np.bool_)
    below = order_leaves_first(placement, order, leaf)
    site, parent = placement.site, placement.parent
    for v in range(pairs, nodes):
        at = write(rows, at, LOCAL, site[v], SWAP_YZ, 0, 0)
    for factor in (_Z, _X):
        for k in range(below):
            v, p = order[k], parent[order[k]]
            if factor == _Z or not leaf[v]:
                mine = factor if v < pairs else _Y
                onto = _Y if p < pairs else _X
                at = write(rows, at, GATE, site[v], mine, site[p], onto)
        first, other = (factor if root < pairs else _Y), (factor if second < pairs else _Y)
        at = write(rows, at, GATE, site[root], first, site[second], other)
        at = write(rows, at, LOCAL, site[root], QUARTER_TURN[first], 0, 0)
        at = write(rows, at, LOCAL, site[second], QUARTER_TURN[other], 0, 0)
        for k in range(below - 1, -1, -1):
            v, p = order[k], parent[order[k]]
            mine = factor if v < pairs else _Y
            onto = _Y if p < pairs else _X
            if factor == _Z and leaf[v]:
                at = write(rows, at, LOCAL, site[p], QUARTER_TURN[onto], 0, 0)
                mine = _Y
            at = write(rows, at, GATE, site[v], mine, site[p], onto)
    for v in range(pairs, nodes):
        at = write(rows, at, LOCAL, site[v], SWAP_YZ, 0, 0)
    return at
