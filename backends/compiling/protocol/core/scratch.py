"""Scratch memory for writing and scoring one program, allocated once for a whole run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import machine_code
from backends.compiling.protocol.core.native.pricing import Sweep, new_sweep

_NATIVE_ROWS_FOR_EACH_ROW = 3
"""A gate between two qubits is two turns and one gate; every other row becomes fewer."""


class Scratch(NamedTuple):
    """Arrays that every attempt overwrites.

    Attributes:
        rows: the program of Pauli gates, shape (rows at most, 5), int64; columns (kind, a, b, c,
            d) as in :mod:`backends.compiling.protocol.core.native.lowering`.
        native: the native program, shape (3 * rows at most, 4), int64; columns (kind, a, b, c) as
            in :mod:`backends.compiling.protocol.core.native.propagation`.
        lists: device qubits of each logical qubit, then those of barriers, int64.
        sweep: what one backward pass keeps of each device qubit.
    """

    rows: NDArray[np.int64]
    native: NDArray[np.int64]
    lists: NDArray[np.int64]
    sweep: Sweep


@machine_code
def new_scratch(rows: int, lists: int, sites: int) -> Scratch:
    """Scratch memory for programs of at most so many rows on a device of so many qubits."""
    return Scratch(
        np.zeros((rows, 5), dtype=np.int64),
        np.zeros((_NATIVE_ROWS_FOR_EACH_ROW * rows, 4), dtype=np.int64),
        np.zeros(lists, dtype=np.int64),
        new_sweep(sites),
    )
