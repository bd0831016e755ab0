"""The noise model against its definitions, by dense linear algebra on one and two qubits."""

import math
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Kraus, average_gate_fidelity

from backends.devices.catalog import load_device
from backends.devices.snapshot import CouplerCalibration, DeviceSnapshot, QubitCalibration
from backends.errors import DoesNotFit
from backends.simulation.noise import Channel, depolarizing_probability, idle_channels, noisy_events
from backends.simulation.prediction import predict_success
from backends.simulation.schedule import schedule, total_seconds
from experiments.settings import Check
from experiments.stabilizer.clifford import Step, steps

PAULIS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}
SX, CZ, READ = 32e-9, 68e-9, 2e-6
QUBIT = QubitCalibration(2e-4, 1e-4, 3e-4, SX, 0.01, READ)
DEVICE = DeviceSnapshot(
    "triangle",
    None,
    "cz",
    (QUBIT,) * 3,
    tuple(CouplerCalibration((a, b), 2e-3, CZ) for a in range(3) for b in range(3) if a != b),
)


def pauli_probabilities(channels):
    """Joint probabilities of I, X, Y, Z of independent single-qubit flips."""
    total = {"I": 1.0, "X": 0.0, "Y": 0.0, "Z": 0.0}
    for channel in channels:
        flip = channel.kind.upper()
        mixed = dict.fromkeys(total, 0.0)
        for letter, probability in total.items():
            product = PAULIS[letter] @ PAULIS[flip]
            (image,) = (k for k, m in PAULIS.items() if abs(np.trace(m @ product)) > 1)
            mixed[letter] += probability * (1 - channel.probability)
            mixed[image] += probability * channel.probability
        total = mixed
    return total


@given(
    seconds=st.floats(1e-9, 1e-3),
    t1=st.floats(1e-6, 1e-3),
    ratio=st.floats(0.01, 3.0),
)
def test_an_idle_is_the_pauli_twirl_of_relaxation_and_dephasing(seconds, t1, ratio):
    t2 = ratio * t1
    calibration = QubitCalibration(t1, t2, 0.0, SX, 0.0, READ)
    found = pauli_probabilities(idle_channels(0, seconds, calibration))
    p_x = (1 - math.exp(-seconds / t1)) / 4
    p_z = (1 - math.exp(-seconds / min(t2, 2 * t1))) / 2 - p_x
    assert found["X"] == pytest.approx(p_x, abs=1e-12)
    assert found["Y"] == pytest.approx(p_x, abs=1e-12)
    assert found["Z"] == pytest.approx(p_z, abs=1e-12)


def test_the_twirl_keeps_the_fidelity_of_amplitude_and_phase_damping():
    seconds, gamma = 5e-6, 1 - math.exp(-5e-6 / 2e-4)
    dephasing = math.exp(-5e-6 / 1e-4) / math.sqrt(1 - gamma)
    relax = [np.diag([1, math.sqrt(1 - gamma)]), np.array([[0, math.sqrt(gamma)], [0, 0]])]
    dephase = [
        math.sqrt((1 + dephasing) / 2) * PAULIS["I"],
        math.sqrt((1 - dephasing) / 2) * PAULIS["Z"],
    ]
    exact = Kraus([a @ b for a in relax for b in dephase])
    twirled = Kraus(
        [
            math.sqrt(p) * PAULIS[letter]
            for letter, p in pauli_probabilities(idle_channels(0, seconds, QUBIT)).items()
        ]
    )
    assert average_gate_fidelity(twirled) == pytest.approx(average_gate_fidelity(exact), abs=1e-12)


@pytest.mark.parametrize("num_qubits", [1, 2])
def test_a_depolarizing_gate_has_the_infidelity_that_the_calibration_states(num_qubits):
    infidelity = 0.0137
    p = depolarizing_probability(infidelity, num_qubits)
    letters = [[]]
    for _ in range(num_qubits):
        letters = [[*word, letter] for word in letters for letter in "IXYZ"]
    kraus = []
    for word in letters:
        share = 1 - p if set(word) == {"I"} else p / (len(letters) - 1)
        kraus.append(math.sqrt(share) * reduce(np.kron, [PAULIS[k] for k in word]))
    assert 1 - average_gate_fidelity(Kraus(kraus)) == pytest.approx(infidelity, abs=1e-12)


def test_a_hopeless_gate_mixes_completely_and_no_more():
    assert depolarizing_probability(0.999, 2) == 15 / 16
    assert depolarizing_probability(0.999, 1) == 3 / 4


def timed(circuit):
    return schedule(tuple(steps(circuit)), DEVICE)


def test_operations_happen_as_late_as_possible_and_first_waits_are_free():
    circuit = QuantumCircuit(3, 2)
    circuit.sx(0)
    circuit.cz(1, 2)
    circuit.cz(0, 1)
    circuit.measure([0, 1], [0, 1])
    first, second, third, read, other = timed(circuit)
    # The pulse on qubit 0 waits for the first CZ, and then follows no idle.
    assert first.start_seconds == pytest.approx(CZ - SX)
    assert second.start_seconds == 0
    assert third.start_seconds == pytest.approx(CZ)
    assert third.idle_seconds == (0.0, 0.0)
    assert read.start_seconds == other.start_seconds == pytest.approx(2 * CZ)
    assert total_seconds(timed(circuit)) == pytest.approx(2 * CZ + READ)


def test_a_barrier_holds_operations_back_and_the_wait_is_idling():
    circuit = QuantumCircuit(2, 1)
    circuit.sx(0)
    circuit.delay(1000, 1, unit="ns")
    circuit.sx(1)
    circuit.barrier()
    circuit.sx(0)
    circuit.measure(0, 0)
    found = timed(circuit)
    assert found[0].start_seconds == pytest.approx(1e-6)
    circuit = QuantumCircuit(2, 1)
    circuit.sx(0)
    circuit.cz(0, 1)
    circuit.delay(1000, 1, unit="ns")
    circuit.barrier()
    circuit.measure(0, 0)
    assert timed(circuit)[-1].idle_seconds == (pytest.approx(1e-6),)


def test_a_correction_waits_for_the_readout_it_depends_on():
    circuit = QuantumCircuit(2, 2)
    circuit.sx(1)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    pulse, read, correction, _ = timed(circuit)
    assert correction.start_seconds == pytest.approx(read.start_seconds + READ)
    assert correction.idle_seconds == (pytest.approx(0.0, abs=1e-15),)
    assert pulse.start_seconds == pytest.approx(READ - SX)


def test_noise_events_of_a_small_circuit_are_as_the_model_says():
    circuit = QuantumCircuit(2, 2)
    circuit.sx(0)
    circuit.rz(math.pi / 2, 0)
    circuit.cz(0, 1)
    circuit.measure([0, 1], [0, 1])
    events = noisy_events(tuple(steps(circuit)), DEVICE)
    channels = [e for e in events if isinstance(e, Channel)]
    assert channels == [
        Channel("gate", "depolarize", (0,), 1.5 * 3e-4),
        Channel("gate", "depolarize", (0, 1), pytest.approx(1.25 * 2e-3)),
        Channel("readout", "record", (0,), 0.01),
        Channel("readout", "record", (1,), 0.01),
    ]
    assert [e for e in events if isinstance(e, Step)] == list(steps(circuit))
    only = noisy_events(tuple(steps(circuit)), DEVICE, causes=("readout",))
    assert {e.cause for e in only if isinstance(e, Channel)} == {"readout"}


def test_a_circuit_that_is_not_native_is_refused_by_name():
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    with pytest.raises(DoesNotFit, match=r"'cx' on qubits \(0, 1\) is not native"):
        timed(circuit)


@pytest.mark.parametrize("microseconds", [0.5, 10.0, 80.0])
@pytest.mark.parametrize(("gates", "time"), [(("sx", "sxdg"), "t2"), (("x", "id"), "t1")])
def test_a_delay_is_charged_once(microseconds, gates, time):
    """A Ramsey and a relaxation experiment decay by T2 and T1 over the delay, no faster."""
    device = load_device("fake_kingston")
    qubit = device.qubits[3]
    before, after = gates
    circuit = QuantumCircuit(device.num_qubits, 1)
    getattr(circuit, before)(3)
    circuit.delay(microseconds * 1e-6, 3, unit="s")
    getattr(circuit, after)(3)
    circuit.measure(3, 0)
    seconds = {"t1": qubit.t1_seconds, "t2": min(qubit.t2_seconds, 2 * qubit.t1_seconds)}[time]
    parity = 1 if before == "x" else 0
    chance = predict_success(tuple(steps(circuit)), [Check((0,), parity)], device, ["idle"])
    assert chance == pytest.approx((1 + math.exp(-microseconds * 1e-6 / seconds)) / 2, rel=1e-6)
