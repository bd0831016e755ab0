"""Readouts by any angle behind a quarter turn that came before: the GHZ state has a phase of ±i."""

import math

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Statevector

from backends.simulation.prediction import predict_success
from backends.simulation.stim_sampler import sample
from experiments.settings import Check
from experiments.stabilizer.clifford import steps
from experiments.stabilizer.non_pauli_readout import NonPauliReadoutLaw

ANGLES = (0.3, -0.7, 1.1, 0.45)


def ghz_read_by_any_angle(r: int, quarter_turns: tuple[int, ...]) -> QuantumCircuit:
    """A GHZ state, quarter turns, a gate that no compiler merges them through, then the readout."""
    circuit = QuantumCircuit(r, r)
    circuit.h(0)
    for qubit in range(1, r):
        circuit.cx(0, qubit)
    for qubit, turns in zip(range(r), quarter_turns, strict=True):
        for _ in range(turns):
            circuit.s(qubit)
        circuit.id(qubit)
        circuit.rz(ANGLES[qubit], qubit)
        circuit.h(qubit)
    return circuit


def exact_mean(circuit: QuantumCircuit) -> float:
    """Mean of (-1)^(parity of all readouts), dense."""
    chances = Statevector(circuit).probabilities()
    return sum(p * (-1) ** bin(k).count("1") for k, p in enumerate(chances))


@pytest.mark.parametrize("r", [1, 2, 3, 4])
@pytest.mark.parametrize("first", [0, 1, 2, 3])
@pytest.mark.parametrize("second", [0, 1])
def test_law_prediction_and_samples_follow_the_phase(r, first, second):
    if r == 1 and second:
        return
    circuit = ghz_read_by_any_angle(r, (first, second, 0, 0)[:r])
    mean = exact_mean(circuit)
    circuit.measure(range(r), range(r))
    operations = tuple(steps(circuit))
    everything = Check(tuple(range(r)), 0)
    assert NonPauliReadoutLaw.of(operations).mean(everything.mask) == pytest.approx(mean)
    predicted = predict_success(operations, [everything], None)
    assert predicted == pytest.approx((1 + mean) / 2)
    shots = 20_000
    outcomes = sample(circuit, None, shots, 1).to_bool_array(order="little")
    even = float(np.mean(~np.bitwise_xor.reduce(outcomes, axis=1)))
    assert abs(even - predicted) < 5 * math.sqrt(0.25 / shots)
