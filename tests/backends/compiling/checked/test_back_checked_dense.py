"""Noise that is no Pauli channel, simulated densely: what checks gain is still there."""

from collections.abc import Callable

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit, QuantumRegister
from qiskit.circuit.library import RZZGate
from qiskit.quantum_info import Operator
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    QuantumError,
    amplitude_damping_error,
    coherent_unitary_error,
)

from backends.compiling.checked.readout import read_unused_qubits
from backends.compiling.compile import compile_point
from backends.devices.catalog import load_device
from backends.simulation.decoding.decoder import decode_shots
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import Cloning
from experiments.settings import wrong_parities

KINGSTON = load_device("fake_kingston")
SHOTS = 20_000


def damping() -> QuantumError:
    one = amplitude_damping_error(0.03)
    return one.tensor(one)


def over_rotation() -> QuantumError:
    return coherent_unitary_error(Operator(RZZGate(0.25)))


def alone(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit on its own qubits: a device has many more."""
    used = [
        q for q in circuit.qubits if any(q in i.qubits and i.name != "barrier" for i in circuit)
    ]
    register = QuantumRegister(len(used), "q")
    out = QuantumCircuit(register, *circuit.cregs)
    place = dict(zip(used, register, strict=True))
    for one in circuit.data:
        if one.name != "barrier":
            out.append(one.operation, [place[q] for q in one.qubits], one.clbits)
    return out


@pytest.mark.parametrize("noise", [damping, over_rotation])
def test_the_gain_stays(noise: Callable[[], QuantumError]) -> None:
    point = EntanglementPoint(Cloning(3, 1, "frame"), "parity")
    estimator = point.linear_estimator
    plain = compile_point(point.settings(), estimator.value, KINGSTON, [1])
    found = read_unused_qubits(plain, estimator, KINGSTON, "pairs")
    assert found.decoder is not None
    model = NoiseModel()
    model.add_all_qubit_quantum_error(noise(), "cz")
    simulator = AerSimulator(method="density_matrix", noise_model=model, seed_simulator=5)
    chances = []
    for k, one in enumerate(found.settings):
        result = simulator.run(alone(one.circuit), shots=SHOTS, memory=True).result()
        words = [word.replace(" ", "")[::-1] for word in result.get_memory()]
        values = np.array([[bit == "1" for bit in word] for word in words])
        good, kept = decode_shots(found.decoder, k, one.setting, values)
        right = ~wrong_parities(one.setting.checks, values).any(axis=1)
        chances.append((right.mean(), good.mean(), good[kept].mean()))
    uncorrected, corrected, postselected = (
        estimator.value(list(column)) for column in zip(*chances, strict=True)
    )
    # One standard error is .003.
    assert uncorrected < 0.95
    assert corrected > uncorrected + 0.01, (uncorrected, corrected, postselected)
    assert postselected > corrected + 0.01, (uncorrected, corrected, postselected)
