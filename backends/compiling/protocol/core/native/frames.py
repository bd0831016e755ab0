"""Single-qubit Cliffords up to Paulis: the six permutations of the axes X, Y, Z.

Signs never matter to a score, and the compiler mends them at the end; what is left of a
single-qubit Clifford is where it takes the three axes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

X, Y, Z = 0, 1, 2
"""The axes."""

AXES = "XYZ"

NAMES: tuple[tuple[str, ...], ...] = ((), ("s",), ("h",), ("sx",), ("s", "h"), ("h", "s"))
"""For each permutation the gates that make it, up to a Pauli, in order."""

IDENTITY, SWAP_XY, SWAP_XZ, SWAP_YZ = 0, 1, 2, 3

_IMAGES = ((0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1), (1, 2, 0), (2, 0, 1))

IMAGE: NDArray[np.int64] = np.array(_IMAGES)
"""IMAGE[code, axis]: where a permutation takes an axis."""

COMPOSE: NDArray[np.int64] = np.array(
    [[_IMAGES.index(tuple(a[b[k]] for k in range(3))) for b in _IMAGES] for a in _IMAGES]
)
"""COMPOSE[a, b]: b first, then a."""

INVERSE: NDArray[np.int64] = np.array(
    [next(b for b in range(6) if COMPOSE[a, b] == IDENTITY) for a in range(6)]
)

QUARTER_TURN: NDArray[np.int64] = np.array([SWAP_YZ, SWAP_XZ, SWAP_XY])
"""QUARTER_TURN[axis]: the turn by π/2 about an axis."""

EXCHANGE: NDArray[np.int64] = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]])
"""EXCHANGE[a, b]: the permutation that exchanges two axes."""


def _pull_back_masks() -> NDArray[np.uint8]:
    """For each permutation, the 2x2 matrix over GF(2) that takes (x, z) back through it."""
    bits = {X: (1, 0), Y: (1, 1), Z: (0, 1)}
    out = np.zeros((6, 4), dtype=np.uint8)
    for code in range(6):
        back = INVERSE[code]
        x_x, x_z = bits[int(IMAGE[back, X])]
        z_x, z_z = bits[int(IMAGE[back, Z])]
        out[code] = (x_x, z_x, x_z, z_z)
    return out


PULL_BACK = _pull_back_masks()
"""PULL_BACK[code] = (a, b, c, d): before the gate a string has x' = ax ^ bz, z' = cx ^ dz."""
