"""Decryption that hands back the qubit: pairs of key qubits, then two trees onto the clone.

After encryption two commuting strings show Z and X of the input; the clone and every key qubit carry
a letter of each. A gate C(P_u, Q_v) between two key qubits leaves the string P on v only and Q on u
only. What is left are single letters: those of P are gathered along one tree of neighbours onto the
clone, those of Q along another, one gate an edge. Qubits in |0> may stand between, because their Z is
known; one that the next tree needs too is brought back to |0> first. The key is discarded, so nothing
else is undone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.protocol_compiler.compiled import machine_code
from backends.protocol_compiler.encoding import write
from backends.protocol_compiler.frames import COMPOSE, EXCHANGE, IMAGE
from backends.protocol_compiler.lowering import GATE, LOCAL
from backends.protocol_compiler.placement import ORDER, Placement, partner_site
from backends.protocol_compiler.problem import Problem
from backends.protocol_compiler.tables import DeviceTables

_SPARE, _STRING_P, _STRING_Q, _BOTH, _BLOCKED, _USED, _DONE = 0, 1, 2, 3, 4, 5, 6
_Z = 2


@machine_code
def gather_key(
    rows: NDArray[np.int64], at: int, problem: Problem, place: Placement, tables: DeviceTables
) -> int:
    """Append decryption with trees.

    Returns:
        The next free row, or -k if k key qubits are cut off from the clone.
    """
    sites = len(tables.degree)
    kind = np.zeros(sites, dtype=np.int64)
    letter = np.full(sites, _Z, dtype=np.int64)
    above = np.full(sites, -1, dtype=np.int64)
    for i in range(problem.pairs):
        kind[place.site[i]] = _BLOCKED
    kind[partner_site(place, 0)] = _BLOCKED
    for i in range(1, problem.pairs):
        j = problem.mate[i]
        u = partner_site(place, i)
        if j < 0:
            kind[u] = _BOTH
            letter[u] = problem.letter_z[i]
        elif i < j:
            v = partner_site(place, j)
            p, q = problem.letter_z[i], problem.letter_x[j]
            if place.flip[i]:
                u, v = v, u
                p, q = problem.letter_z[j], problem.letter_x[i]
            at = write(rows, at, GATE, u, p, v, q)
            kind[v], kind[u] = _STRING_P, _STRING_Q
            letter[v] = problem.letter_z[i] if place.flip[i] else problem.letter_z[j]
            letter[u] = problem.letter_x[j] if place.flip[i] else problem.letter_x[i]
    clone = place.site[problem.clone]
    first, second = _STRING_P, _STRING_Q
    if place.scalars[ORDER] & 1:
        first, second = second, first
    if place.scalars[ORDER] & 2:
        order = (first, second, _BOTH)
    else:
        order = (_BOTH, first, second)
    missing = 0
    for wanted in order:
        onto_clone = problem.clone_x
        if wanted == _STRING_Q:
            onto_clone = problem.clone_z
        elif wanted == _BOTH:
            onto_clone = 3 - problem.clone_z - problem.clone_x
        end = _tree(rows, at, wanted, clone, onto_clone, kind, letter, above, tables)
        if end < 0:
            missing -= end
        else:
            at = end
    if missing > 0:
        return -missing
    # The clone's letters become Z and X.
    code = EXCHANGE[problem.clone_z, _Z]
    moved = IMAGE[code, problem.clone_x]
    code = COMPOSE[EXCHANGE[moved, 0], code]
    return write(rows, at, LOCAL, clone, code, 0, 0)


@machine_code
def _tree(
    rows: NDArray[np.int64],
    at: int,
    wanted: int,
    clone: int,
    onto_clone: int,
    kind: NDArray[np.int64],
    letter: NDArray[np.int64],
    above: NDArray[np.int64],
    tables: DeviceTables,
) -> int:
    """Gather all single letters of one string; each in turn joins by its shortest way."""
    sites = len(kind)
    in_tree = np.zeros(sites, dtype=np.bool_)
    members = np.empty(sites, dtype=np.int64)
    members[0], count = clone, 1
    in_tree[clone] = True
    left = 0
    for s in range(sites):
        if kind[s] == wanted:
            left += 1
    queue = np.empty(sites, dtype=np.int64)
    back = np.empty(sites, dtype=np.int64)
    while left > 0:
        seen = in_tree.copy()
        queue[:count] = members[:count]
        head, tail, found = 0, count, -1
        while head < tail and found < 0:
            here = queue[head]
            head += 1
            for k in range(tables.degree[here]):
                there = tables.neighbours[here, k]
                if seen[there] or kind[there] not in (_SPARE, _USED, wanted):
                    continue
                seen[there] = True
                back[there] = here
                if kind[there] == wanted:
                    found = there
                    break
                queue[tail] = there
                tail += 1
        if found < 0:
            return -left
        left -= 1
        while not in_tree[found]:
            in_tree[found] = True
            members[count] = found
            count += 1
            found = back[found]
    at = _cleared(rows, at, members, count, kind, letter, above)
    for m in range(1, count):
        above[members[m]] = back[members[m]]
    height = np.zeros(sites, dtype=np.int64)
    tallest = 0
    for m in range(1, count):
        here, h = members[m], 0
        while here != clone:
            here = above[here]
            h += 1
            height[here] = max(height[here], h)
        tallest = max(tallest, h)
    for h in range(tallest):
        for m in range(1, count):
            here = members[m]
            if height[here] != h:
                continue
            up = above[here]
            onto = onto_clone if up == clone else (letter[up] + 1) % 3
            at = write(rows, at, GATE, here, letter[here], up, onto)
    for m in range(1, count):
        kind[members[m]] = _USED if kind[members[m]] == _SPARE else _DONE
    return at


@machine_code
def _cleared(
    rows: NDArray[np.int64],
    at: int,
    members: NDArray[np.int64],
    count: int,
    kind: NDArray[np.int64],
    letter: NDArray[np.int64],
    above: NDArray[np.int64],
) -> int:
    """Bring qubits that an earlier tree has used back to |0>, those nearest to the clone first.

    Each still holds the sum of what its children hold, so the same gates take it off again. A qubit
    whose child was cleared cannot be cleared any more.
    """
    again = True
    while again:
        again = False
        for m in range(1, count):
            here = members[m]
            if kind[here] != _USED:
                continue
            waits = False
            for other in range(1, count):
                waits = waits or (members[other] == above[here] and kind[above[here]] == _USED)
            if waits:
                continue
            for child in range(len(kind)):
                if above[child] == here:
                    at = write(rows, at, GATE, child, letter[child], here, 0)
                    above[child] = -1
            if kind[above[here]] == _USED:
                kind[above[here]] = _DONE
            kind[here] = _SPARE
            again = True
    return at
