"""Calibration of the readout: two circuits, and the error probabilities that they tell.

The circuits prepare |0…0> and |1…1> on every qubit that is measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.primitives import BitArray

from backends.errors import BackendError
from experiments.stabilizer.clifford import steps

LABELS = ("readout-zeros", "readout-ones")
"""Names of the two calibration circuits, in order."""

LEAST_CONTRAST = 5.0
"""Standard errors by which the contrast of a readout must exceed 0 to be inverted."""


class UnusableReadout(BackendError):
    """Readout errors cannot be undone: the calibration or the counts tell too little."""


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

    def contrast(self, qubit: int) -> float:
        """How much the outcome of a qubit tells: 1 all, 0 nothing (determinant of its matrix)."""
        return 1.0 - sum(self.wrong[qubit])

    def variances(self, qubit: int) -> tuple[float, float]:
        """Variances of both error probabilities of a qubit, from the calibration's shots."""
        # One count is added: a readout that never failed is not known to be perfect.
        zero, one = ((e * self.shots + 1) / (self.shots + 2) for e in self.wrong[qubit])
        return zero * (1 - zero) / self.shots, one * (1 - one) / self.shots

    def std_err(self, qubits: Sequence[int]) -> float:
        """Upper bound on the standard error of a probability that the calibration's shots cause."""
        return math.sqrt(
            sum(sum(self.variances(q)) / max(1e-6, self.contrast(q)) ** 2 for q in qubits)
        )

    def require_contrast(self, qubits: Sequence[int]) -> None:
        """Accept qubits whose readout can be inverted.

        Raises:
            UnusableReadout: if the outcome of one does not tell its state.
        """
        for qubit in qubits:
            error = math.sqrt(sum(self.variances(qubit)))
            if self.contrast(qubit) < LEAST_CONTRAST * error:
                one_for_zero, zero_for_one = self.wrong[qubit]
                raise UnusableReadout(
                    f"qubit {qubit} reads 1 in {one_for_zero:.1%} of {self.shots} shots where |0> "
                    f"was prepared and in {1 - zero_for_one:.1%} where |1> was, which tells its "
                    f"state by less than {LEAST_CONTRAST:g} standard errors; run with more shots, "
                    "or with another seed or calibration, so that the qubit is not used"
                )
