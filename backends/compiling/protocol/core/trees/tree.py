"""Changes of a tree of data qubits that leave every qubit where it is, or exchange two."""

from __future__ import annotations

import numpy as np

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import NODES, ROOT, SECOND, Placement
from backends.compiling.protocol.core.trees.routing import random_neighbour


@inner_machine_code
def _reroot(placement: Placement, root: int, second: int) -> None:
    """Make (root, second), an edge of the tree, its centre."""
    here, above = root, -1
    while here >= 0:
        up = placement.parent[here]
        placement.parent[here] = above
        above, here = here, up
    placement.scalars[ROOT] = root
    placement.scalars[SECOND] = second


@inner_machine_code
def shift_centre(placement: Placement) -> bool:
    """Make another edge of the tree its centre."""
    v = np.random.randint(placement.scalars[NODES])
    up = placement.parent[v]
    if up < 0:
        return False
    if np.random.random() < 0.5:
        _reroot(placement, v, up)
    else:
        _reroot(placement, up, v)
    return True


@inner_machine_code
def reattach(placement: Placement, tables: DeviceTables) -> bool:
    """Hang a node on another of its neighbours."""
    v = np.random.randint(placement.scalars[NODES])
    if placement.parent[v] < 0 or v == placement.scalars[SECOND]:
        return False
    beside = random_neighbour(tables, placement.site[v])
    for u in range(placement.scalars[NODES]):
        if placement.site[u] == beside:
            if u == placement.parent[v]:
                return False
            up = u
            while up >= 0:
                if up == v:
                    return False
                up = placement.parent[up]
            placement.parent[v] = u
            return True
    return False


@inner_machine_code
def exchange_nodes(placement: Placement, i: int, j: int) -> None:
    """Let two nodes exchange their sites and their positions in the tree."""
    site, parent = placement.site, placement.parent
    site[i], site[j] = site[j], site[i]
    above_i, above_j = parent[i], parent[j]
    for v in range(placement.scalars[NODES]):
        if v in (i, j):
            continue
        if parent[v] == i:
            parent[v] = j
        elif parent[v] == j:
            parent[v] = i
    parent[i] = j if above_j == i else above_j
    parent[j] = i if above_i == j else above_i
    for k in (ROOT, SECOND):
        if placement.scalars[k] == i:
            placement.scalars[k] = j
        elif placement.scalars[k] == j:
            placement.scalars[k] = i
