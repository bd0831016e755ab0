r"""Readout errors of the bits in a setting's checks undone, by the calibration of their qubits.

The readout of a qubit has a matrix A (column: prepared, row: read). Weights v = A^{-T}(1, -1) of
its outcomes have the mean +1 for |0> and -1 for |1>, whatever the errors. So the product of the
weights of several bits is, shot by shot, an unbiased estimate of their parity, at any number of
bits, and its error follows from its spread over the shots (Bravyi et al., Phys. Rev. A 103, 042605
(2021)). A shot that must pass several checks is expanded into the parities of all their products.
The errors of the calibration are propagated to first order: all settings share it, so the
derivatives of the whole value by each error probability are added before they are squared.

Settings with more than ``MOST_CHECKS`` checks take mthree (Nation et al., PRX Quantum 2, 040326),
which inverts the errors within the subspace of observed outcomes. That is biased where outcomes are
many: by -0.03 to -0.06 for the parity of 10 to 16 bits.

Mitigated values may leave the physical range and are not clipped. An outcome that a later gate of
the same shot was conditioned on is used as it was read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.simulation.readout_calibration import (
    ReadoutCalibration,
    UnusableReadout,
    readout_of,
)
from experiments.settings import Setting, products
from experiments.statistics.estimators import LinearEstimator

MitigationMethod = Literal["exact", "mthree"]
"""How readout errors are undone: ``exact`` as told above, ``mthree`` as in runs of format 1."""

MOST_CHECKS = 6
"""Checks of a setting that are expanded into the parities of their products."""

_IMAGINED_FAILURES = 3
"""Shots that are taken to have failed beside those that did, where the error is estimated: shots
that are all alike do not prove a variance of 0. Three make ±1.96 standard errors cover."""

_BITS_OF_AN_INTEGER = 62

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mitigated:
    """A mitigated value.

    Attributes:
        value: may leave the physical range.
        std_err: its standard error, or an upper bound of it.
    """

    value: float
    std_err: float


@dataclass(frozen=True, eq=False)
class MitigatedSuccess:
    """Probability of success of a setting, with readout errors undone.

    Attributes:
        value: the probability; may leave [0, 1].
        of_shots: its standard error by the setting's shots.
        slopes: qubit → derivatives of the value by both error probabilities of its readout.
        of_calibration: bound on what the calibration's shots add to the error beside ``slopes``.
    """

    value: float
    of_shots: float
    slopes: dict[int, tuple[float, float]] = field(default_factory=dict)
    of_calibration: float = 0.0


def mitigated_success(
    setting: Setting,
    circuit: QuantumCircuit,
    shots: BitArray,
    calibration: ReadoutCalibration,
    method: MitigationMethod = "exact",
) -> MitigatedSuccess:
    """Probability of success of a setting, with readout mitigation.

    Args:
        setting: the setting.
        circuit: its compiled circuit, on the device's qubits.
        shots: its outcomes.
        calibration: the readout calibration of the device.
        method: how the errors are undone.

    Raises:
        UnusableReadout: if the outcome of a qubit does not tell its state; with ``mthree`` only if
            there is no value at all.
    """
    bits = sorted({bit for check in setting.checks for bit in check.bits})
    read = readout_of(circuit)
    qubits = [read[bit] for bit in bits]
    if method == "exact":
        calibration.require_contrast(qubits)
    values: NDArray[np.bool_] = shots.to_bool_array(order="little")[:, bits]
    patterns, numbers = _distinct(values)
    seen = _Outcomes(tuple(bits), tuple(qubits), circuit.num_qubits, patterns, numbers)
    if method == "mthree" or len(setting.checks) > MOST_CHECKS:
        return _by_mthree(setting, seen, calibration)
    return _by_parities(setting, seen, calibration)


def mitigated_value(
    estimator: LinearEstimator,
    settings: Sequence[tuple[Setting, QuantumCircuit, BitArray]],
    calibration: ReadoutCalibration,
    method: MitigationMethod = "exact",
) -> Mitigated:
    """The value of a point with readout mitigation; settings in the estimator's order.

    Raises:
        UnusableReadout: if the outcome of a qubit does not tell its state, or the error is larger
            than the range of the value; with ``mthree`` only if there is no value at all.
    """
    found = [
        (weight, mitigated_success(*setting, calibration, method))
        for weight, setting in zip(estimator.weights, settings, strict=True)
    ]
    variance = sum((weight * one.of_shots) ** 2 for weight, one in found)
    # All settings share the calibration, so its errors add up.
    slopes: dict[int, Floats] = {}
    for weight, one in found:
        for qubit, slope in one.slopes.items():
            slopes[qubit] = slopes.get(qubit, np.zeros(2)) + weight * np.array(slope)
    exact = sum(
        float(slope**2 @ np.array(calibration.variances(qubit))) for qubit, slope in slopes.items()
    )
    bound = sum(abs(weight) * one.of_calibration for weight, one in found)
    std_err = math.sqrt(variance + (math.sqrt(exact) + bound) ** 2)
    if method == "exact" and std_err > estimator.high - estimator.low:
        raise UnusableReadout(
            f"the mitigated value has an error of {std_err:.2g}, more than its whole range from "
            f"{estimator.low:g} to {estimator.high:g}: so many badly read qubits cost more shots "
            "than there are; run with more shots, or without readout mitigation"
        )
    return Mitigated(estimator.value([one.value for _, one in found]), std_err)


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """Outcomes of the bits that matter, each once.

    Attributes:
        bits: classical bits, ascending.
        qubits: the qubit of each.
        num_qubits: of the circuit.
        patterns: outcomes, bool, shape (outcomes, bits).
        numbers: how many shots had each, integers, shape (outcomes,).
    """

    bits: tuple[int, ...]
    qubits: tuple[int, ...]
    num_qubits: int
    patterns: NDArray[np.bool_]
    numbers: NDArray[np.int64]


def _distinct(values: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The different rows of a table of bits, in ascending order, and how often each occurs."""
    width = values.shape[1]
    if width > _BITS_OF_AN_INTEGER:
        return np.unique(values, axis=0, return_counts=True)
    # Integers are sorted twenty times faster than rows.
    numbers = values @ (1 << np.arange(width)[::-1])
    _, first, counts = np.unique(numbers, return_index=True, return_counts=True)
    return values[first], counts


def _by_parities(
    setting: Setting, seen: _Outcomes, calibration: ReadoutCalibration
) -> MitigatedSuccess:
    weights, by_zero, by_one = _parity_weights(seen.qubits, calibration)
    place = {bit: k for k, bit in enumerate(seen.bits)}
    rows = np.arange(len(seen.bits))
    outcome = seen.patterns.astype(np.int64)
    weighed = weights[rows, outcome]
    relative = (by_zero[rows, outcome] / weighed, by_one[rows, outcome] / weighed)
    total = int(seen.numbers.sum())
    # Of each outcome: how much of a success it is, and the derivatives of that.
    success, slopes = np.ones(len(outcome)), np.zeros((2, len(seen.bits)))
    for check in products(setting.checks):
        columns = [place[bit] for bit in check.bits]
        parity = (1 - 2 * check.parity) * np.prod(weighed[:, columns], axis=1)
        success += parity
        for which in (0, 1):
            slopes[which, columns] += (seen.numbers * parity) @ relative[which][:, columns] / total
    share = 1 / 2 ** len(setting.checks)
    success, slopes = share * success, share * slopes
    mean = float(seen.numbers @ success) / total
    spread = float(seen.numbers @ (success - mean) ** 2) / max(1, total - 1)
    largest = float(np.prod(np.abs(weights).max(axis=1)))
    variance = spread / total + _IMAGINED_FAILURES * (largest / total) ** 2
    return MitigatedSuccess(
        mean,
        math.sqrt(variance),
        {q: (float(a), float(b)) for q, a, b in zip(seen.qubits, *slopes, strict=True)},
    )


def _parity_weights(
    qubits: Sequence[int], calibration: ReadoutCalibration
) -> tuple[Floats, Floats, Floats]:
    """Weights v = A^{-T}(1, -1) of the outcomes 0 and 1 of each qubit, shape (qubits, 2).

    Returns:
        The weights, and their derivatives by the probabilities a of 1 for |0> and b of 0 for |1>.
    """
    a, b = np.array([calibration.wrong[qubit] for qubit in qubits]).reshape(-1, 2).T
    contrast = 1 - a - b
    weights = np.stack([1 + a - b, -(1 - a + b)], axis=1) / contrast[:, None]
    by_zero = 2 * np.stack([1 - b, -b], axis=1) / contrast[:, None] ** 2
    by_one = 2 * np.stack([a, a - 1], axis=1) / contrast[:, None] ** 2
    return weights, by_zero, by_one


def _by_mthree(
    setting: Setting, seen: _Outcomes, calibration: ReadoutCalibration
) -> MitigatedSuccess:
    from mthree import M3Mitigation

    counts = {
        "".join("1" if bit else "0" for bit in pattern[::-1]): int(number)
        for pattern, number in zip(seen.patterns, seen.numbers, strict=True)
    }
    matrices: list[Floats | None] = [None] * seen.num_qubits
    for qubit in seen.qubits:
        one_for_zero, zero_for_one = calibration.wrong[qubit]
        # Column: what was prepared; row: what was read.
        matrices[qubit] = np.array(
            [[1 - one_for_zero, zero_for_one], [one_for_zero, 1 - zero_for_one]]
        )
    mitigation = M3Mitigation()
    try:
        mitigation.cals_from_matrices(matrices)
        quasi = mitigation.apply_correction(
            counts, list(seen.qubits), return_mitigation_overhead=True
        )
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise UnusableReadout(
            f"mthree finds no value ({error}): the readout of a qubit tells too little; run with "
            "more shots, or without readout mitigation"
        ) from error
    place = {bit: -1 - k for k, bit in enumerate(seen.bits)}
    probability = sum(
        weight
        for pattern, weight in quasi.items()
        if all(
            sum(pattern[place[bit]] == "1" for bit in check.bits) % 2 == check.parity
            for check in setting.checks
        )
    )
    # mthree bounds the expectation value of an observable within ±1; success is half of that.
    of_shots = math.sqrt(quasi.mitigation_overhead / int(seen.numbers.sum())) / 2
    return MitigatedSuccess(
        float(probability), of_shots, of_calibration=calibration.std_err(seen.qubits)
    )
