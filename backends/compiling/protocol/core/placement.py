"""The placement of one instance: the tree of the data, the paths of the keys."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code, machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables

LONGEST_PATH = 10
"""Qubits on the way from a data qubit to its partner, both included."""

NODES, ROOT, SECOND, ORDER, DETOUR, TIES, STAND_IN = 0, 1, 2, 3, 4, 5, 6
"""Entries of :attr:`Placement.scalars`."""


class Placement(NamedTuple):
    """A placement of one instance of the protocol, as arrays that a search changes in place.

    Pair 0 is (A, R), pair i is (S_i, N_i): a data qubit and the partner it shares a Bell pair with.
    Node i of the tree is the data qubit of pair i; further nodes are bridges.

    Attributes:
        site: device qubit of each node, shape (nodes at most,).
        parent: parent of each node, -1 for the root.
        scalars: number of nodes, the root, the other end of the centre edge, the order of the
            three decoding trees, how many steps the first of them goes around bits of other types
            before it crosses them, how ties between shortest ways are broken, and the pair whose
            key qubit hands back the clone, 0 if the clone's own qubit does.
        path: device qubits from each data qubit to its partner, shape (pairs, LONGEST_PATH), or
            more where a layout of several instances has longer ways.
        length: how many qubits that path has, shape (pairs,).
        meet: the Bell pair is made on path[meet], path[meet + 1], shape (pairs,).
        turned: which of the two is the control, shape (pairs,).
        flip: which key qubit of a decoded pair holds the Z string, shape (pairs,).
    """

    site: NDArray[np.int64]
    parent: NDArray[np.int64]
    scalars: NDArray[np.int64]
    path: NDArray[np.int64]
    length: NDArray[np.int64]
    meet: NDArray[np.int64]
    turned: NDArray[np.int64]
    flip: NDArray[np.int64]


def empty_placement(pairs: int) -> Placement:
    """A placement with room for ``pairs`` data qubits and as many bridges."""
    return Placement(
        site=np.full(2 * pairs, -1, dtype=np.int64),
        parent=np.full(2 * pairs, -1, dtype=np.int64),
        scalars=np.array([0, 0, 0, 0, 4, 0, 0], dtype=np.int64),
        path=np.full((pairs, LONGEST_PATH), -1, dtype=np.int64),
        length=np.zeros(pairs, dtype=np.int64),
        meet=np.zeros(pairs, dtype=np.int64),
        turned=np.zeros(pairs, dtype=np.int64),
        flip=np.zeros(pairs, dtype=np.int64),
    )


@machine_code
def copy_placement(source: Placement, target: Placement) -> None:
    """Overwrite one placement by another."""
    for v in range(len(source.site)):
        target.site[v] = source.site[v]
        target.parent[v] = source.parent[v]
    for k in range(len(source.scalars)):
        target.scalars[k] = source.scalars[k]
    for i in range(len(source.length)):
        target.length[i] = source.length[i]
        target.meet[i] = source.meet[i]
        target.turned[i] = source.turned[i]
        target.flip[i] = source.flip[i]
        for k in range(source.path.shape[1]):
            target.path[i, k] = source.path[i, k]


@inner_machine_code
def duplicate(placement: Placement) -> Placement:
    """A placement of its own that is equal."""
    return Placement(
        placement.site.copy(),
        placement.parent.copy(),
        placement.scalars.copy(),
        placement.path.copy(),
        placement.length.copy(),
        placement.meet.copy(),
        placement.turned.copy(),
        placement.flip.copy(),
    )


@inner_machine_code
def are_coupled(tables: DeviceTables, a: int, b: int) -> bool:
    """Whether two device qubits share a working coupler."""
    return bool(tables.native[a, b] or tables.native[b, a])


@inner_machine_code
def partner_site(placement: Placement, pair: int) -> int:
    """Where the partner of a data qubit stands."""
    return placement.path[pair, placement.length[pair] - 1]
