"""Readout mitigation by mthree (Nation et al., PRX Quantum 2, 040326).

Two calibration circuits prepare |0…0> and |1…1> on every qubit that is measured; they give the
error probabilities of each readout. mthree inverts these errors within the subspace of observed
outcomes, which gives quasi-probabilities: values may leave the physical range and are not clipped.

Only the bits in a setting's checks are mitigated. An outcome that a later gate of the same shot was
conditioned on is used as it was read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.primitives import BitArray

from experiments.settings import Setting
from experiments.stabilizer.clifford import steps
from experiments.statistics.estimators import LinearEstimator

LABELS = ("readout-zeros", "readout-ones")
"""Names of the two calibration circuits, in order."""


def readout_of(circuit: QuantumCircuit) -> dict[int, int]:
    """Classical bit → the qubit whose outcome it holds at the end of the circuit."""
    return {s.clbits[0]: s.qubits[0] for s in steps(circuit) if s.name == "measure"}


def calibration_circuits(
    circuits: Sequence[QuantumCircuit],
) -> tuple[QuantumCircuit, QuantumCircuit]:
    """Build the two circuits that calibrate the readout of compiled circuits of a device.

    Bit k holds the outcome of the k-th measured qubit, in ascending order.
    """
    qubits = sorted({q for circuit in circuits for q in readout_of(circuit).values()})
    width = max(circuit.num_qubits for circuit in circuits)
    made = []
    for label in LABELS:
        out = QuantumCircuit(
            QuantumRegister(width, "q"), ClassicalRegister(len(qubits), "c"), name=label
        )
        if label == LABELS[1]:
            out.x(qubits)
        out.barrier(qubits)
        out.measure(qubits, range(len(qubits)))
        made.append(out)
    zeros, ones = made
    return zeros, ones


@dataclass(frozen=True, eq=False)
class ReadoutCalibration:
    """Error probabilities of the readout of each qubit.

    Attributes:
        wrong: qubit → (probability of 1 for |0>, probability of 0 for |1>).
        shots: number of shots of each calibration circuit.
    """

    wrong: dict[int, tuple[float, float]]
    shots: int

    @classmethod
    def of(cls, circuit: QuantumCircuit, zeros: BitArray, ones: BitArray) -> ReadoutCalibration:
        """Compute it from the shots of both calibration circuits; ``circuit`` is either of them."""
        of_zeros = zeros.to_bool_array(order="little").mean(axis=0)
        of_ones = ones.to_bool_array(order="little").mean(axis=0)
        return cls(
            {
                q: (float(of_zeros[b]), float(1 - of_ones[b]))
                for b, q in readout_of(circuit).items()
            },
            min(zeros.num_shots, ones.num_shots),
        )

    def std_err(self, qubits: Sequence[int]) -> float:
        """Upper bound on the standard error of a probability that the calibration's shots cause."""
        variance = 0.0
        for qubit in qubits:
            contrast = max(1e-6, 1.0 - sum(self.wrong[qubit]))
            # One count is added: a readout that never failed is not known to be perfect.
            errors = [(e * self.shots + 1) / (self.shots + 2) for e in self.wrong[qubit]]
            variance += sum(e * (1 - e) for e in errors) / self.shots / contrast**2
        return math.sqrt(variance)


@dataclass(frozen=True, slots=True)
class Mitigated:
    """A mitigated value.

    Attributes:
        value: may leave the physical range.
        std_err: upper bound of its standard error.
    """

    value: float
    std_err: float


def mitigated_success(
    setting: Setting, circuit: QuantumCircuit, shots: BitArray, calibration: ReadoutCalibration
) -> tuple[float, float, float]:
    """Probability of success of a setting, with readout mitigation.

    Args:
        setting: the setting.
        circuit: its compiled circuit, on the device's qubits.
        shots: its outcomes.
        calibration: the readout calibration of the device.

    Returns:
        The probability, and upper bounds on its standard error by the setting's shots and by those
        of the calibration.
    """
    from mthree import M3Mitigation

    bits = sorted({bit for check in setting.checks for bit in check.bits})
    values: NDArray[np.bool_] = shots.to_bool_array(order="little")[:, bits]
    patterns, numbers = np.unique(values, axis=0, return_counts=True)
    counts = {
        "".join("1" if bit else "0" for bit in pattern[::-1]): int(number)
        for pattern, number in zip(patterns, numbers, strict=True)
    }
    read = readout_of(circuit)
    qubits = [read[bit] for bit in bits]
    matrices: list[NDArray[np.float64] | None] = [None] * circuit.num_qubits
    for qubit in qubits:
        one_for_zero, zero_for_one = calibration.wrong[qubit]
        # Column: what was prepared; row: what was read.
        matrices[qubit] = np.array(
            [[1 - one_for_zero, zero_for_one], [one_for_zero, 1 - zero_for_one]]
        )
    mitigation = M3Mitigation()
    mitigation.cals_from_matrices(matrices)
    quasi = mitigation.apply_correction(counts, qubits, return_mitigation_overhead=True)
    probability = sum(
        weight
        for pattern, weight in quasi.items()
        if all(
            sum(pattern[-1 - bits.index(bit)] == "1" for bit in check.bits) % 2 == check.parity
            for check in setting.checks
        )
    )
    # mthree bounds the expectation value of an observable within ±1; success is half of that.
    of_shots = math.sqrt(quasi.mitigation_overhead / shots.num_shots) / 2
    return float(probability), of_shots, calibration.std_err(qubits)


def mitigated_value(
    estimator: LinearEstimator,
    settings: Sequence[tuple[Setting, QuantumCircuit, BitArray]],
    calibration: ReadoutCalibration,
) -> Mitigated:
    """The value of a point with readout mitigation; settings in the estimator's order."""
    found = [mitigated_success(*setting, calibration) for setting in settings]
    variance = sum((w * s) ** 2 for w, (_, s, _) in zip(estimator.weights, found, strict=True))
    # All settings share the calibration, so its errors add up.
    shared = sum(abs(w) * c for w, (_, _, c) in zip(estimator.weights, found, strict=True))
    return Mitigated(
        estimator.value([probability for probability, _, _ in found]),
        math.sqrt(variance + shared**2),
    )
