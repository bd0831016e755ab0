"""Errors of published fidelities by parity oscillations, from their shots.

F = (P + χ)/2 with P = P_00 + P_11 and χ the mean of r signed parities, so with N shots of each
setting

    Var F = (P (1 - P) + (1 - χ²)/r) / (4 N).

The printed errors are those of

    (P_00 (1 - P_00) + P_11 (1 - P_11) + (1 - χ²)/r) / N:

equation 12 lacks the covariance -2 P_00 P_11 / N of the two populations, which are counted in the
same shots, and equation 14 the factor 1/4 of (P + χ)/2. P and χ are not printed, but the printed
error says which of them are possible.
"""

from __future__ import annotations

import math

SHOTS = 10_000
"""Shots of each setting: with them the wrong formula gives the printed errors."""

_ROUNDING = 0.0005
_STEPS = 2000


def right_error(population: float, coherence: float, r: int) -> float:
    """Standard error of F.

    Args:
        population: P.
        coherence: χ.
        r: qubits of the GHZ state; 2 for a Bell pair.
    """
    variance = population * (1 - population) + (1 - coherence**2) / r
    return math.sqrt(variance / (4 * SHOTS))


def printed_error(population: float, coherence: float, r: int) -> float:
    """What the printed equations give instead; arguments as of :func:`right_error`."""
    variance = population * (1 - population / 2) + (1 - coherence**2) / r
    return math.sqrt(variance / SHOTS)


def error_from_shots(fidelity: float, printed: float, r: int) -> float:
    """The largest standard error that goes with a printed fidelity and its printed error.

    >>> round(error_from_shots(0.875, 0.008, 2), 4)
    0.0024

    Args:
        fidelity: as printed.
        printed: its printed error, three decimals.
        r: qubits of the GHZ state; 2 for a Bell pair.
    """
    pairs = possible(fidelity, r)
    fitting = [pair for pair in pairs if abs(printed_error(*pair, r) - printed) <= _ROUNDING]
    return max(right_error(*pair, r) for pair in fitting or pairs)


def possible(fidelity: float, r: int) -> list[tuple[float, float]]:
    """Populations and coherences that make up a fidelity, on a fine grid."""
    if r == 1:
        # Every outcome of one qubit counts as a population.
        return [(1.0, 2 * fidelity - 1)]
    grid = (k / _STEPS for k in range(_STEPS + 1))
    pairs = ((p, 2 * fidelity - p) for p in grid)
    return [(p, c) for p, c in pairs if abs(c) <= p]
