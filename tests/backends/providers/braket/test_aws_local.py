"""The SDK's simulators run what is written for the service, and agree with the prediction."""

import braket_devices as devices
import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit

from backends.adapter import Job, ProviderError, Refused, Request
from backends.compiling.compile import compile_point
from backends.devices.braket_capabilities import Capabilities
from backends.devices.snapshot import DeviceSnapshot
from backends.providers.braket_local.adapter import open_braket_local
from backends.simulation.prediction import predict_success
from experiments.kinds.chsh import points as chsh_points
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import STRATEGIES, Cloning
from experiments.stabilizer.clifford import steps

IDEAL = open_braket_local("ideal", {})


def snapshot(arn, **options):
    return Capabilities(devices.document(arn)).snapshot("device", **options)


def sampled(adapter, circuit, shots=4000, seed=5):
    return adapter.results(adapter.submit(Job("t", "t", (Request(circuit, shots, seed),))))[0]


def settings(strategy="frame", device=None, estimator="bsm"):
    point = EntanglementPoint(Cloning(2, 1, strategy), estimator)
    return compile_point(point.settings(), point.linear_estimator.value, device, [0]).settings


def test_an_asymmetric_circuit_comes_back_in_qiskits_order():
    circuit = QuantumCircuit(5, 4)
    circuit.x(4)
    circuit.h(1)
    circuit.measure([4, 2, 1], [1, 3, 0])
    counts = sampled(IDEAL, circuit).get_counts()
    # Bit 1 is 1; bit 0 is a coin; bit 2 nobody writes.
    assert set(counts) == {"0010", "0011"}
    assert abs(counts["0010"] - 2000) < 4.5 * np.sqrt(1000)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_ideal_clone_comes_back_whatever_the_strategy(strategy):
    for one in settings(strategy, estimator="parity"):
        shots = sampled(IDEAL, one.circuit, shots=100)
        assert one.setting.successes(shots) == 100


def test_turned_readouts_of_a_chsh_test():
    (point,) = chsh_points([2], [1], ["unitary"], ["2-2"])
    for setting in point.settings():
        shots = sampled(IDEAL, setting.circuit.decompose(["encrypt", "decrypt"]), shots=20_000)
        chance = setting.successes(shots) / 20_000
        assert chance == pytest.approx(setting.ideal_success(), abs=4.5 * 0.0035)


@pytest.mark.parametrize("arn", [devices.GARNET, devices.IBEX])
def test_density_matrices_agree_with_the_prediction(arn):
    device = snapshot(arn)
    adapter = open_braket_local(device, {})
    (one,) = settings(device=device)
    shots = sampled(adapter, one.circuit, shots=20_000)
    chance = one.setting.successes(shots) / 20_000
    assert chance == pytest.approx(one.predicted_success, abs=4.5 * 0.0031)


@pytest.mark.parametrize("arn", [devices.GARNET, devices.ANKAA, devices.FORTE, devices.ARIA])
def test_the_emulation_of_a_device_has_its_gate_and_readout_errors(arn):
    document = Capabilities(devices.document(arn))
    adapter = open_braket_local(
        document.snapshot("device"),
        {"simulator": "emulator", "capabilities": devices.capabilities(arn)},
    )
    (one,) = settings(device=adapter.snapshot())
    shots = sampled(adapter, one.circuit, shots=10_000)
    chance = one.setting.successes(shots) / 10_000
    # The SDK's noise model knows no idling.
    predicted = predict_success(
        tuple(steps(one.circuit)), one.setting.checks, adapter.snapshot(), ("gate", "readout")
    )
    # It also counts the pulses differently where a turn about Z is a gate of its own.
    extra = 0.06 if arn == devices.ANKAA else 0.0
    assert predicted - extra - 4.5 * 0.0044 < chance < predicted + 4.5 * 0.0044


def test_equal_seeds_give_equal_shots():
    circuit = QuantumCircuit(2, 2)
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    first, again, other = (sampled(IDEAL, circuit, 50, seed).array for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_is_too_large_is_refused():
    circuit = QuantumCircuit(14, 14)
    circuit.h(range(14))
    circuit.measure(range(14), range(14))
    adapter = open_braket_local(snapshot(devices.GARNET), {})
    with pytest.raises(Refused, match="uses 14 qubits, but simulator 'braket_dm' takes at most 13"):
        sampled(adapter, circuit)


@pytest.mark.parametrize(
    ("device", "options", "message"),
    [
        ("fake_kingston", {"simulator": "braket_sv"}, "knows no noise"),
        ("ideal", {"simulator": "emulator"}, "made from the capabilities"),
        ("ideal", {"simulator": "braket"}, "an option of provider 'braket-local' is wrong"),
    ],
)
def test_options_that_do_not_fit(device, options, message):
    with pytest.raises(ProviderError, match=message):
        open_braket_local(device, options)


def test_any_snapshot_can_be_simulated():
    assert isinstance(open_braket_local("fake_kingston", {}).snapshot(), DeviceSnapshot)
