"""A GHZ state over the inputs of all blocks, as a program of Pauli gates.

It spreads from one input along a tree of shortest paths, before anything else is on the device: so
the tree may use sites that signals and keys take later. Bridges on the way are uncomputed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.core.native.frames import SWAP_XZ
from backends.compiling.protocol.core.native.lowering import GATE, LOCAL
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.trees.encryption import write
from backends.compiling.protocol.multi.layout import CENTRE, STEEP, Layout
from backends.compiling.protocol.multi.problem import MultiProblem

_X, _Z = 0, 2


@inner_machine_code
def grow_ghz_tree(
    problem: MultiProblem,
    layout: Layout,
    tables: DeviceTables,
    members: NDArray[np.int64],
    above: NDArray[np.int64],
) -> int:
    """Grow the tree over all inputs.

    Args:
        problem: what is placed.
        layout: where.
        tables: the device.
        members: device qubits of the tree, the centre first, parents before children, shape (device
            qubits,), int64; overwritten.
        above: parent of each device qubit in the tree, likewise; overwritten.

    Returns:
        How many members there are, or 0 if an input is out of reach.
    """
    sites = len(tables.degree)
    centre = layout.site[layout.ghz_tree[CENTRE], 0]
    wanted = np.zeros(sites, dtype=np.bool_)
    for b in range(problem.blocks):
        wanted[layout.site[b, 0]] = True
    in_tree = np.zeros(sites, dtype=np.bool_)
    members[0], count = centre, 1
    in_tree[centre] = True
    above[centre] = -1
    wanted[centre] = False
    left = problem.blocks - 1
    back = np.empty(sites, dtype=np.int64)
    queue = np.empty(sites, dtype=np.int64)
    way = np.empty(sites, dtype=np.int64)
    while left > 0:
        back[:] = -1
        head, tail = 0, 0
        for m in range(1 if layout.ghz_tree[STEEP] else count):
            queue[tail] = members[m]
            back[members[m]] = members[m]
            tail += 1
        found = -1
        while head < tail and found < 0:
            here = queue[head]
            head += 1
            degree = tables.degree[here]
            last_rank = -1
            for _ in range(degree):
                # Neighbours by rank.
                there = -1
                for k in range(degree):
                    one = tables.neighbours[here, k]
                    if layout.rank[one] > last_rank and (
                        there < 0 or layout.rank[one] < layout.rank[there]
                    ):
                        there = one
                last_rank = layout.rank[there]
                if back[there] >= 0:
                    continue
                back[there] = here
                queue[tail] = there
                tail += 1
                if wanted[there]:
                    found = there
                    break
        if found < 0:
            return 0
        steps = 0
        while not in_tree[found]:
            way[steps] = found
            steps += 1
            found = back[found]
        for k in range(steps - 1, -1, -1):
            here = way[k]
            in_tree[here] = True
            above[here] = back[here]
            members[count] = here
            count += 1
            if wanted[here]:
                wanted[here] = False
                left -= 1
    return count


@inner_machine_code
def write_ghz_state(
    rows: NDArray[np.int64], at: int, problem: MultiProblem, layout: Layout, tables: DeviceTables
) -> int:
    """Append the preparation of the GHZ state.

    Returns:
        The next free row, or -1 if an input is out of reach.
    """
    sites = len(tables.degree)
    members = np.empty(sites, dtype=np.int64)
    above = np.empty(sites, dtype=np.int64)
    count = grow_ghz_tree(problem, layout, tables, members, above)
    if count == 0:
        return -1
    is_input = np.zeros(sites, dtype=np.bool_)
    for b in range(problem.blocks):
        is_input[layout.site[b, 0]] = True
    height = np.zeros(sites, dtype=np.int64)
    for m in range(count - 1, 0, -1):
        here = members[m]
        cost = height[here] + 1
        if height[above[here]] < cost:
            height[above[here]] = cost
    at = write(rows, at, LOCAL, members[0], SWAP_XZ, 0, 0)
    # The longest branch first.
    tallest = height[members[0]]
    for level in range(tallest, -1, -1):
        for m in range(1, count):
            if height[members[m]] == level:
                at = write(rows, at, GATE, above[members[m]], _Z, members[m], _X)
    for level in range(tallest + 1):
        for m in range(1, count):
            here = members[m]
            if not is_input[here] and height[here] == level:
                at = write(rows, at, GATE, above[here], _Z, here, _X)
    return at
