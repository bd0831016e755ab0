"""Measurement settings: a logical circuit, and the rule by which a shot of it succeeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from experiments.stabilizer.arbitrary_input import ideal_outcome_law
from experiments.stabilizer.clifford import steps


@dataclass(frozen=True, order=True)
class Check:
    """A parity of classical bits that a shot must have.

    Attributes:
        bits: indices of classical bits of the circuit, ascending.
        parity: their exclusive or in a successful shot, 0 or 1.
    """

    bits: tuple[int, ...]
    parity: int

    @property
    def mask(self) -> int:
        """The bits as an integer, bit c of the circuit being ``1 << c``."""
        return sum(1 << bit for bit in self.bits)

    @classmethod
    def of_mask(cls, mask: int, parity: int) -> Check:
        """The check of the bits set in ``mask``."""
        return cls(tuple(k for k in range(mask.bit_length()) if mask >> k & 1), parity)


def products(checks: Sequence[Check]) -> tuple[Check, ...]:
    """All products of one or more ``checks``, which determine their joint distribution.

    >>> products([Check((0,), 0), Check((0, 1), 1)])[-1]
    Check(bits=(1,), parity=1)
    """
    out = []
    for size in range(1, len(checks) + 1):
        for chosen in combinations(checks, size):
            mask, parity = 0, 0
            for check in chosen:
                mask, parity = mask ^ check.mask, parity ^ check.parity
            out.append(Check.of_mask(mask, parity))
    return tuple(out)


def success_probability(expectations: Iterable[float], num_checks: int) -> float:
    """Probability that all checks hold, from the expectation values of their :func:`products`.

    The value is +1 if the parity is always the required one, -1 if never, 0 if random.
    """
    return (1.0 + sum(expectations)) / 2**num_checks


def wrong_parities(checks: Sequence[Check], values: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each check of each shot is wrong.

    Args:
        checks: k checks.
        values: outcomes, shape (shots, bits), bool.

    Returns:
        Shape (shots, k), bool.
    """
    out = np.zeros((len(values), len(checks)), dtype=bool)
    for k, check in enumerate(checks):
        parity = np.bitwise_xor.reduce(values[:, list(check.bits)], axis=1)
        out[:, k] = parity != bool(check.parity)
    return out


@dataclass(frozen=True, eq=False)
class Setting:
    """A circuit to run, and the checks by which a shot of it succeeds.

    Attributes:
        label: name of the setting within its point, such as ``ZZ`` or ``bell``.
        circuit: logical circuit with registers R, A, S, N; barriers labelled with the stage
            that ends there.
        checks: a shot succeeds when every check holds.
        detectors: parities that are certain without noise and hold neither an outcome of R nor
            one of the clone, in the circuit that runs: there unused qubits are read too, into
            bits that follow those of :attr:`circuit`. Empty if they are not read.
    """

    label: str
    circuit: QuantumCircuit
    checks: tuple[Check, ...]
    detectors: tuple[Check, ...] = ()

    def successes(self, shots: BitArray) -> int:
        """Number of shots in which every check holds.

        Args:
            shots: outcomes of :attr:`circuit`; its array has shape (shots, bytes of a shot), uint8.
        """
        values: NDArray[np.bool_] = shots.to_bool_array(order="little")
        return int((~wrong_parities(self.checks, values)).all(axis=1).sum())

    def ideal_success(self) -> float:
        """Exact probability of success without noise, from the stabilizer formalism."""
        law = ideal_outcome_law(tuple(steps(self.circuit)))
        means = [law.mean(c.mask) * (1 - 2 * c.parity) for c in products(self.checks)]
        return success_probability(means, len(self.checks))
