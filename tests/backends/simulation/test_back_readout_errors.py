"""Readout errors that are asymmetric or above one half, against independent simulation."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError

from backends.devices.snapshot import CouplerCalibration, DeviceSnapshot, QubitCalibration
from backends.simulation import aer_sampler, stim_sampler
from backends.simulation.prediction import predict_success
from experiments.settings import Check, Setting
from experiments.stabilizer.clifford import steps

ERRORS = ((0.02, 0.09), (0.2, 0.01), (0.03, 0.03), (0.0, 0.4), (0.7, 0.8))
"""Probability of reading |0> as 1, and |1> as 0, of each qubit."""
NEVER = 1e9


def device(errors=ERRORS):
    """Qubits with nothing but readout errors, all of them coupled."""
    qubits = tuple(
        QubitCalibration(NEVER, NEVER, 0.0, 3e-8, (up + down) / 2, 2e-6, down - up)
        for up, down in errors
    )
    number = range(len(errors))
    pairs = tuple(CouplerCalibration((a, b), 0.0, 7e-8) for a in number for b in number if a != b)
    return DeviceSnapshot("readouts", None, "cz", qubits, pairs)


def hadamard(circuit, qubit):
    circuit.rz(np.pi / 2, qubit)
    circuit.sx(qubit)
    circuit.rz(np.pi / 2, qubit)


def ghz(qubits, flipped=()):
    circuit = QuantumCircuit(qubits, qubits)
    hadamard(circuit, 0)
    for target in range(1, qubits):
        hadamard(circuit, target)
        circuit.cz(0, target)
        hadamard(circuit, target)
    for qubit in flipped:
        circuit.x(qubit)
    return circuit


def exact(circuit, checks, errors=ERRORS):
    """By the outcome probabilities of the state and a confusion matrix for each qubit."""
    ideal = Statevector(circuit).probabilities()
    total = 0.0
    for read in product((0, 1), repeat=circuit.num_qubits):
        if any(sum(read[b] for b in c.bits) % 2 != c.parity for c in checks):
            continue
        for index, chance in enumerate(ideal):
            for qubit, outcome in enumerate(read):
                up, down = errors[qubit]
                wrong = down if index >> qubit & 1 else up
                chance *= wrong if outcome != index >> qubit & 1 else 1 - wrong
            total += chance
    return total


def measured(circuit):
    out = circuit.copy()
    out.measure(range(circuit.num_qubits), range(circuit.num_clbits))
    return out


CASES = {
    "two certain bits": (QuantumCircuit(2, 2), [Check((0,), 0), Check((1,), 0)]),
    "ones": (ghz(1, [0]), [Check((0,), 1)]),
    "a coin": (ghz(1), [Check((0,), 0)]),
    "a product of coins": (ghz(2), [Check((0, 1), 0)]),
    "populations": (ghz(4, [1]), [Check((0, 1), 1), Check((1, 2), 1), Check((2, 3), 0)]),
    "an odd product of coins": (ghz(3, [2]), [Check((0, 1, 2), 1)]),
    "above one half": (ghz(5, [4]), [Check((3, 4), 1), Check((0, 1), 0)]),
}


@pytest.mark.parametrize("name", CASES)
def test_asymmetric_readouts_are_predicted_exactly(name):
    circuit, checks = CASES[name]
    predicted = predict_success(tuple(steps(measured(circuit))), checks, device())
    assert predicted == pytest.approx(exact(circuit, checks), abs=1e-12)


@pytest.mark.parametrize("sample", [stim_sampler.sample, aer_sampler.sample])
@pytest.mark.parametrize("name", CASES)
def test_simulators_draw_what_is_predicted(name, sample):
    circuit, checks = CASES[name]
    shots = 40_000
    drawn = sample(measured(circuit), device(), shots, 5)
    found = Setting("x", measured(circuit), tuple(checks)).successes(drawn) / shots
    chance = exact(circuit, checks)
    assert abs(found - chance) < 4.5 * np.sqrt(chance * (1 - chance) / shots) + 1e-9


def test_aer_with_its_own_readout_errors_agrees():
    circuit, checks = CASES["populations"]
    noise = NoiseModel()
    for qubit, (up, down) in enumerate(ERRORS[:4]):
        noise.add_readout_error(ReadoutError([[1 - up, up], [down, 1 - down]]), [qubit])
    shots = 200_000
    result = AerSimulator(noise_model=noise, seed_simulator=3).run(measured(circuit), shots=shots)
    good = 0
    for key, number in result.result().get_counts().items():
        bits = [int(b) for b in reversed(key)]
        if all(sum(bits[b] for b in c.bits) % 2 == c.parity for c in checks):
            good += number
    chance = predict_success(tuple(steps(measured(circuit))), checks, device())
    assert abs(good / shots - chance) < 4.5 * np.sqrt(chance * (1 - chance) / shots)


def test_a_readout_error_above_one_half_turns_the_parity():
    wrong = QubitCalibration(NEVER, NEVER, 0.0, 3e-8, 0.8, 2e-6)
    single = replace(device(), qubits=(wrong,) * 5)
    circuit = measured(QuantumCircuit(2, 2))
    both = [Check((0,), 0), Check((1,), 0)]
    operations = tuple(steps(circuit))
    assert predict_success(operations, both[:1], single) == pytest.approx(0.2, abs=1e-12)
    assert predict_success(operations, both, single) == pytest.approx(0.04, abs=1e-12)


def test_a_readout_that_a_condition_depends_on_errs_with_the_mean():
    circuit = QuantumCircuit(2, 2)
    hadamard(circuit, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    checks = [Check((0, 1), 0)]
    chance = predict_success(tuple(steps(circuit)), checks, device())
    shots = 40_000
    drawn = stim_sampler.sample(circuit, device(), shots, 5)
    found = Setting("x", circuit, tuple(checks)).successes(drawn) / shots
    assert abs(found - chance) < 4.5 * np.sqrt(chance * (1 - chance) / shots)
    # Recorded and applied outcome agree, so only the second readout errs: (0.2 + 0.01) / 2.
    assert chance == pytest.approx(1 - 0.105, abs=1e-9)


@pytest.mark.parametrize("bits", [(0, 1), (0,), (0, 1, 2)])
@pytest.mark.parametrize("parity", [0, 1])
def test_turned_readouts_with_asymmetric_errors_are_predicted_exactly(bits, parity):
    circuit = QuantumCircuit(3, 3)
    circuit.compose(ghz(2), [0, 1], [0, 1], inplace=True)
    circuit.x(2)
    for qubit, angle in ((0, 0.3), (1, -0.5)):
        circuit.rz(angle, qubit)
        hadamard(circuit, qubit)
    checks = [Check(bits, parity)]
    predicted = predict_success(tuple(steps(measured(circuit))), checks, device())
    assert predicted == pytest.approx(exact(circuit, checks), abs=1e-12)
