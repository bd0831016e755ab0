"""The Walsh-Hadamard transform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def walsh_hadamard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ_m (-1)^(number of common binary ones of m and k) values[m] for every k.

    Args:
        values: shape (2^n,), float64; so is what is returned.

    >>> walsh_hadamard(np.array([1.0, 0.0, 0.0, 0.5]))
    array([1.5, 0.5, 0.5, 1.5])
    """
    out = values.copy()
    step = 1
    while step < len(out):
        pairs = out.reshape(-1, 2, step)
        first = pairs[:, 0].copy()
        pairs[:, 0] += pairs[:, 1]
        np.subtract(first, pairs[:, 1], out=pairs[:, 1])
        step *= 2
    return out
