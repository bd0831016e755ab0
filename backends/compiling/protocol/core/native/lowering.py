"""From Pauli gates to native ones: how many pulses stand between two entangling gates.

A program speaks of gates C(P, Q) = exp[iπ/4 (1-P)(1-Q)] with any two Paulis. On the device they
are all the same native gate, between single-qubit Cliffords that turn P and Q into its axes.
Between two gates on a qubit one pulse is enough, and none if the axes agree: the frame of a qubit
says which logical axis its physical Z is at the moment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code, machine_code
from backends.compiling.protocol.core.native.frames import (
    COMPOSE,
    EXCHANGE,
    IMAGE,
    INVERSE,
    SWAP_XY,
    SWAP_YZ,
)
from backends.compiling.protocol.core.native.propagation import (
    BARRIER,
    DELAY,
    GIVEN,
    LETTERS,
    MEASURE,
    PULSE,
    RESET,
    TURN,
)
from backends.compiling.protocol.core.native.tables import CZ, ECR, DeviceTables

GATE, LOCAL, FENCE, EXACT, READ, WAIT, LOSE, START = 0, 1, 2, 3, 4, 5, 6, 7
"""Kinds of rows of a program.

(kind, a, b, c, d): ``GATE`` C(axis b on qubit a, axis d on qubit c); ``LOCAL``, the logical
single-qubit Clifford b on qubit a; ``FENCE``, a barrier on list[a : a + b] with mark c; ``EXACT``,
the physical frame of qubit a is to be the logical one; ``READ`` of qubit a into bit b, whatever its
letter; ``WAIT`` of qubit a for delays[b] seconds; ``LOSE`` qubit a to a readout and a reset;
``START`` of qubit a in a given state.
"""

NOT_NATIVE = -1
_X, _Z = 0, 2


@inner_machine_code
def _brought(
    frames: NDArray[np.int64], qubit: int, axis: int, wanted: int, out: NDArray[np.int64], at: int
) -> int:
    """Turn a logical axis of a qubit to a physical one; returns the next free row."""
    have = IMAGE[frames[qubit], axis]
    if have == wanted:
        return at
    code = EXCHANGE[have, wanted]
    frames[qubit] = COMPOSE[code, frames[qubit]]
    out[at, 0] = PULSE if have == _Z or wanted == _Z else TURN
    out[at, 1], out[at, 2], out[at, 3] = qubit, code, 0
    return at + 1


@machine_code
def lower(
    program: NDArray[np.int64],
    tables: DeviceTables,
    frames: NDArray[np.int64],
    out: NDArray[np.int64],
) -> int:
    """Write the native rows of a program.

    Args:
        program: shape (rows, 5), int64; see :data:`GATE`.
        tables: the device.
        frames: the permutation from logical to physical axes of each qubit, shape (device qubits,),
            int64; updated.
        out: where native rows go, shape (enough, 4), int64; see
            :data:`backends.compiling.protocol.core.native.propagation.PULSE`.

    Returns:
        The number of native rows, or :data:`NOT_NATIVE` if a gate joins qubits without a coupler.
    """
    at = 0
    for k in range(len(program)):
        kind, a, b, c, d = program[k]
        if kind == GATE:
            forward, backward = tables.native[a, c], tables.native[c, a]
            if not forward and not backward:
                return NOT_NATIVE
            swap = not forward
            if tables.entangler != CZ and forward and backward:
                as_is = (IMAGE[frames[a], b] != _Z) + (IMAGE[frames[c], d] == _Z)
                turned = (IMAGE[frames[c], d] != _Z) + (IMAGE[frames[a], b] == _Z)
                swap = turned < as_is
            if swap:
                a, b, c, d = c, d, a, b
            at = _brought(frames, a, b, _Z, out, at)
            if tables.entangler == CZ:
                at = _brought(frames, c, d, _Z, out, at)
            else:
                at = _brought(frames, c, d, _X, out, at)
            out[at, 0], out[at, 1], out[at, 2], out[at, 3] = tables.entangler, a, c, 0
            at += 1
            if tables.entangler == ECR:
                frames[a] = COMPOSE[SWAP_XY, frames[a]]
                frames[c] = COMPOSE[SWAP_YZ, frames[c]]
        elif kind == LOCAL:
            frames[a] = COMPOSE[frames[a], INVERSE[b]]
        elif kind == FENCE:
            out[at, 0], out[at, 1], out[at, 2], out[at, 3] = BARRIER, a, b, c
            at += 1
        elif kind == EXACT:
            if frames[a] != 0:
                code = INVERSE[frames[a]]
                out[at, 0] = TURN if code == SWAP_XY else PULSE
                out[at, 1], out[at, 2], out[at, 3] = a, code, 0
                at += 1
                frames[a] = 0
        elif kind in (WAIT, LOSE, START):
            out[at, 0], out[at, 1], out[at, 2], out[at, 3] = DELAY, a, b, 0
            if kind != WAIT:
                out[at, 0] = RESET if kind == LOSE else GIVEN
            at += 1
        else:
            out[at, 0], out[at, 1], out[at, 2], out[at, 3] = LETTERS, a, 0, 0
            out[at + 1, 0], out[at + 1, 1], out[at + 1, 2], out[at + 1, 3] = MEASURE, a, b, 0
            at += 2
    return at
