"""What is to be placed: one instance of the protocol and how its clone comes back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NOTHING, ROWS, TREES = 0, 1, 2
"""How the key is used: not at all, by gates between neighbours, or gathered onto the clone."""


class Problem(NamedTuple):
    """One instance, as arrays for inner loops.

    Logical qubits are numbered R, A, S_1 … S_n, N_1 … N_n; pair 0 is (A, R), pair i (S_i, N_i).

    Attributes:
        pairs: n + 1.
        clone: pair whose data qubit is decrypted.
        decoding: one of :data:`NOTHING`, :data:`ROWS`, :data:`TREES`.
        beside_clone: whether R has to stand beside the clone (1) or not (0).
        mate: the pair whose key qubit is read together with that of each pair; -1 for none.
        post: rows of a program on logical qubits, shape (rows, 5).
        letter_z: axis by which each pair's key qubit shows Z of the input, shape (pairs,); for
            the pair of the clone's own data qubit see ``clone_z``.
        letter_x: the same for X.
        clone_z: axis by which the clone shows Z of the input.
        clone_x: the same for X.
        exact: logical qubits whose frame matters at the end of decryption, shape (qubits,).
        first_x: strings with an X part on each logical qubit when it is read, shape (qubits,).
        first_z: the same for Z.
        strings: how many strings there are.
        bell: whether A shares a Bell pair with R (1), or is prepared alone and R is not used (0).
        wait_seconds: how long everything waits between encryption and decryption.
        lost: pairs whose data qubits are lost after that wait, as a mask.
        losses: how many times each of them is read or reset.
        conditional: whether the clone is corrected by the outcomes of the key (1), so that it waits
            for them, or not (0).
        stand_ins: pairs whose key qubit may hand back the clone, as a mask; see
            :mod:`backends.compiling.protocol.core.trees.roles`.
        decoupling: which pulse trains waits get, as an index of
            :data:`backends.simulation.pulse_trains.DECOUPLINGS`.
    """

    pairs: int
    clone: int
    decoding: int
    beside_clone: int
    mate: NDArray[np.int64]
    post: NDArray[np.int64]
    letter_z: NDArray[np.int64]
    letter_x: NDArray[np.int64]
    clone_z: int
    clone_x: int
    exact: NDArray[np.int64]
    first_x: NDArray[np.uint64]
    first_z: NDArray[np.uint64]
    strings: int
    bell: int = 1
    wait_seconds: float = 0.0
    lost: int = 0
    losses: int = 0
    conditional: int = 0
    stand_ins: int = 0
    decoupling: int = 0
