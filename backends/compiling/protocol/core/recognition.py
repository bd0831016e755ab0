"""What reading a logical circuit needs, however many instances of the protocol it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import CircuitInstruction, Qubit

from backends.compiling.protocol.core.native.frames import (
    AXES,
    IDENTITY,
    SWAP_XY,
    SWAP_XZ,
    SWAP_YZ,
)
from backends.compiling.protocol.core.native.lowering import GATE, LOCAL


class NotRecognised(Exception):
    """A circuit that this compiler has no construction for."""


LOCAL_CODES = {
    "h": SWAP_XZ,
    "s": SWAP_XY,
    "sdg": SWAP_XY,
    "sx": SWAP_YZ,
    "sxdg": SWAP_YZ,
    "x": IDENTITY,
    "y": IDENTITY,
    "z": IDENTITY,
    "id": IDENTITY,
}
"""Single-qubit gates of logical circuits, as permutations of the axes."""

AXES_OF = {"cx": (2, 0), "cz": (2, 2), "cy": (2, 1)}
"""Two-qubit gates of logical circuits, by the axes of the Paulis that they are controlled by."""

UNITARY = frozenset({*LOCAL_CODES, *AXES_OF, "decrypt"})
KNOWN = UNITARY | {"encrypt", "rz", "barrier", "measure", "if_else", "delay", "reset"}

OTHER_GATES = "decryption by other gates than between pairs of key qubits"

Letters = Mapping[int, str]
"""Logical qubit → Pauli letter."""

Row = tuple[int, int, int, int, int]
"""A row of a program; see :mod:`backends.compiling.protocol.core.native.lowering`."""


def read_gates(body: Sequence[CircuitInstruction], number: Mapping[Qubit, int]) -> list[Row]:
    """Gates of decryption on one or two qubits, as rows on logical qubits.

    Args:
        body: the gates.
        number: logical number of each qubit.
    """
    rows: list[Row] = []
    for instruction in body:
        on = [number[q] for q in instruction.qubits]
        if len(on) == 1:
            rows.append((LOCAL, on[0], LOCAL_CODES[instruction.name], 0, 0))
        else:
            axes = AXES_OF[instruction.name]
            rows.append((GATE, on[0], axes[0], on[1], axes[1]))
    return rows


def joined_by(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """The logical qubits of each two-qubit gate among some rows."""
    return [(a, c) for kind, a, _, c, _ in rows if kind == GATE]


def as_array(rows: Sequence[Row]) -> NDArray[np.int64]:
    """Rows of a program, shape (rows, 5)."""
    return np.array(rows, dtype=np.int64).reshape(-1, 5)


def pair_up(double: Sequence[int], mate: NDArray[np.int64]) -> None:
    """Make neighbours in a list of pairs mates: their key qubits are read together."""
    for a, b in zip(double[::2], double[1::2], strict=True):
        mate[a], mate[b] = b, a


def as_masks(
    qubits: int, strings: Iterable[Letters]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Strings by qubit: bit s of entry q tells whether string s has an X part, a Z part, on q."""
    x = np.zeros(qubits, dtype=np.uint64)
    z = np.zeros(qubits, dtype=np.uint64)
    for s, letters in enumerate(strings):
        for qubit, letter in letters.items():
            if letter in "XY":
                x[qubit] |= np.uint64(1 << s)
            if letter in "YZ":
                z[qubit] |= np.uint64(1 << s)
    return x, z


def letters_of(strings: Mapping[str, Sequence[str]]) -> tuple[list[int], list[int]]:
    """Axes by which clone and keys show Z and X of the input; -1 for a letter that is I."""
    z, x = ([AXES.find(letter) for letter in strings[pauli]] for pauli in "ZX")
    return z, x
