"""What is to be placed: several instances of the protocol, and which of them are decrypted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.cache import arrays_of
from backends.compiling.protocol.core.native.tables import DeviceTables, device_tables
from backends.compiling.protocol.core.problem import Problem
from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.pulse_trains import DECOUPLINGS

NO_BLOCK = -1


class MultiProblem(NamedTuple):
    """Several instances of the protocol ("blocks"), as arrays for inner loops.

    A block encrypts one qubit with n Bell pairs of its own. Pair 0 of a block is its input A and,
    in the first generation of iterated cloning, R; pair i is (S_i, N_i). Where A is a clone that
    another block made, pair 0 stands for its way from there. All blocks have the same n.

    Attributes:
        blocks: how many there are; parents come before their children.
        pairs: n + 1.
        qubits: logical qubits.
        ghz: 1 if the inputs of all blocks are one GHZ state, 0 if there is one input, half of a
            Bell pair with R.
        source: block and pair whose data qubit a block encrypts, -1 for none, shape (blocks, 2).
        child: block that encrypts a data qubit again, -1 for none, shape (blocks, pairs).
        descendants: blocks that follow on a block, itself included, shape (blocks,).
        data: logical number of each data qubit, shape (blocks, pairs).
        partner: logical number of its partner, -1 for none, shape (blocks, pairs).
        decoding: ``ROWS`` or ``TREES`` of :mod:`backends.compiling.protocol.core.problem`.
        beside_clone: whether R has to stand beside the clone (1) or not (0).
        post: rows of a program on logical qubits, shape (rows, 5).
        flat: one clone with all keys on its path as a single instance: which of them are read
            together, and by which letters.
        path_block: block of each pair of ``flat``, shape (clones, pairs of flat).
        path_pair: its pair there, shape (clones, pairs of flat).
        clones: logical numbers of the clones that come back, shape (clones,).
        exact: logical qubits whose frame matters at the end of decryption, shape (qubits,).
        first_x: strings with an X part on each logical qubit when it is read, shape (qubits,).
        first_z: the same for Z.
        strings: how many strings there are.
        decoupling: which pulse trains waits get, as an index of
            :data:`backends.simulation.pulse_trains.DECOUPLINGS`.
    """

    blocks: int
    pairs: int
    qubits: int
    ghz: int
    source: NDArray[np.int64]
    child: NDArray[np.int64]
    descendants: NDArray[np.int64]
    data: NDArray[np.int64]
    partner: NDArray[np.int64]
    decoding: int
    beside_clone: int
    post: NDArray[np.int64]
    flat: Problem
    path_block: NDArray[np.int64]
    path_pair: NDArray[np.int64]
    clones: NDArray[np.int64]
    exact: NDArray[np.int64]
    first_x: NDArray[np.uint64]
    first_z: NDArray[np.uint64]
    strings: int
    decoupling: int = 0


def tables_for(problem: MultiProblem, snapshot: DeviceSnapshot) -> DeviceTables:
    """The device as a search of a problem scores it: with the pulse trains that waits get."""
    return device_tables(snapshot, DECOUPLINGS[problem.decoupling])


def same(first: MultiProblem, second: MultiProblem) -> bool:
    """Whether two problems are the same."""
    pairs = zip(arrays_of(first), arrays_of(second), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)
