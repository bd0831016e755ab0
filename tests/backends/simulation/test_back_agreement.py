"""Two independent simulators and one exact prediction must tell the same."""

from dataclasses import replace

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from scipy.stats import chi2, norm

from backends.adapter import Job, Request, UnknownJob
from backends.compiling.compile import compile_point
from backends.devices.catalog import load_device
from backends.providers.registry import built_in, open_adapter
from backends.simulation import aer_sampler, stim_sampler
from backends.simulation.prediction import predict_success
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import STRATEGIES, Cloning
from experiments.settings import Check
from experiments.stabilizer.clifford import steps

DEVICE = load_device("fake_kingston")
# Old, noisy and directed: errors that a Heron hides show here.
# With conditions and delays, which its own configuration did not offer.
NOISY = replace(load_device("fake_mumbai"), dynamic_circuits=True, lacks=())
UNLIKELY = 1e-6
# Clouds prove theirs against their emulators.
SIMULATING = [record.name for record in built_in().values() if record.simulates]


def compiled(n, strategy, estimator, device, clone=1):
    point = EntanglementPoint(Cloning(n, clone, strategy), estimator)
    return compile_point(point.settings(), point.linear_estimator.value, device, range(1))


def assert_same_law(first, second):
    """Chi-square test that two histograms of equal size come from one law."""
    keys = sorted(set(first) | set(second), key=lambda k: -(first.get(k, 0) + second.get(k, 0)))
    pooled = [(first.get(k, 0), second.get(k, 0)) for k in keys]
    common = [pair for pair in pooled if sum(pair) >= 20]
    rare = [pair for pair in pooled if sum(pair) < 20]
    if rare:
        common.append(tuple(np.sum(rare, axis=0)))
    statistic = sum((a - b) ** 2 / (a + b) for a, b in common)
    assert chi2.sf(statistic, len(common) - 1) > UNLIKELY


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("n", [2, 3, 4])
def test_aer_and_stim_draw_from_one_law(n, strategy):
    for setting in compiled(n, strategy, "parity", NOISY).settings:
        shots = 1500
        first = stim_sampler.sample(setting.circuit, NOISY, shots, seed=1)
        second = aer_sampler.sample(setting.circuit, NOISY, shots, seed=2)
        if setting.circuit.num_clbits <= 4:
            assert_same_law(first.get_int_counts(), second.get_int_counts())
        a, b = setting.setting.successes(first), setting.setting.successes(second)
        mean = (a + b) / (2 * shots)
        spread = np.sqrt(2 * mean * (1 - mean) / shots)
        assert abs(a - b) / shots < norm.isf(UNLIKELY / 2) * spread


@pytest.mark.parametrize("method", ["density_matrix", "statevector"])
def test_aer_agrees_whatever_its_method(method):
    (setting,) = compiled(2, "unitary", "bsm", NOISY).settings
    shots = 4000
    first = stim_sampler.sample(setting.circuit, NOISY, shots, seed=3)
    second = aer_sampler.sample(setting.circuit, NOISY, shots, seed=4, method=method)
    assert_same_law(first.get_int_counts(), second.get_int_counts())


@pytest.mark.parametrize("device", [DEVICE, NOISY], ids=["heron", "falcon"])
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("n", [2, 3, 5])
def test_sampled_successes_scatter_about_the_exact_prediction(n, strategy, device):
    estimators = ["parity"] if strategy == "witness" else ["bsm", "parity"]
    shots = 200_000
    for estimator in estimators:
        for setting in compiled(n, strategy, estimator, device).settings:
            drawn = stim_sampler.sample(setting.circuit, device, shots, seed=n)
            p = setting.predicted_success
            deviation = setting.setting.successes(drawn) / shots - p
            assert abs(deviation) < norm.isf(UNLIKELY / 2) * np.sqrt(p * (1 - p) / shots)


def test_repeated_runs_have_the_variance_of_independent_shots():
    (setting,) = compiled(4, "unitary", "bsm", DEVICE).settings
    p, shots, runs = setting.predicted_success, 2000, 300
    drawn = [stim_sampler.sample(setting.circuit, DEVICE, shots, seed=k) for k in range(runs)]
    successes = np.array([setting.setting.successes(shot) for shot in drawn])
    z = (successes / shots - p) / np.sqrt(p * (1 - p) / shots)
    statistic = float(np.sum(z**2))
    assert chi2.sf(statistic, runs) > UNLIKELY
    assert chi2.cdf(statistic, runs) > UNLIKELY


def test_each_cause_alone_costs_less_than_all_and_none_costs_nothing():
    (setting,) = compiled(5, "unitary", "bsm", DEVICE).settings
    operations = tuple(steps(setting.circuit))
    checks = setting.setting.checks
    assert predict_success(operations, checks, None) == 1
    assert predict_success(operations, checks, DEVICE, causes=()) == 1
    alone = [
        predict_success(operations, checks, DEVICE, causes=(cause,))
        for cause in ("gate", "idle", "readout")
    ]
    everything = predict_success(operations, checks, DEVICE)
    assert everything < min(alone)
    assert max(alone) < 1
    assert everything == setting.predicted_success


def test_a_check_that_is_always_wrong_is_predicted_so():
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    assert predict_success(tuple(steps(circuit)), [Check((0,), 0)], None) == 0
    assert predict_success(tuple(steps(circuit)), [Check((0,), 1)], None) == 1


def test_a_fair_coin_has_no_prediction():
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    with pytest.raises(ValueError, match="non-deterministic"):
        predict_success(tuple(steps(circuit)), [Check((0,), 0)], None)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """The rehearsal cloud leaves a file where it is opened."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("provider", SIMULATING)
def test_bit_order_is_qiskits(provider):
    """x on qubit 0 only, read crosswise over two registers: no symmetry hides a swap."""
    circuit = QuantumCircuit(
        QuantumRegister(3, "q"), ClassicalRegister(2, "low"), ClassicalRegister(1, "high")
    )
    circuit.x(0)
    circuit.measure(0, 1)
    circuit.measure(1, 0)
    circuit.measure(2, 2)
    adapter = open_adapter(provider, "ideal")
    job = adapter.submit(Job("order", "token", (Request(circuit, 10, 1),)))
    (shots,) = adapter.results(job)
    assert shots.get_counts() == {"010": 10}


@pytest.mark.parametrize("provider", SIMULATING)
def test_bit_order_is_qiskits_on_a_noisy_device(provider):
    circuit = QuantumCircuit(DEVICE.num_qubits, 3)
    circuit.x(40)
    circuit.measure([40, 3, 99], [2, 0, 1])
    adapter = open_adapter(provider, "fake_kingston")
    (shots,) = adapter.results(adapter.submit(Job("order", "token", (Request(circuit, 200, 1),))))
    assert max(shots.get_counts().items(), key=lambda item: item[1])[0] == "100"


@pytest.mark.parametrize("provider", ["stim", "aer"])
def test_the_adapter_contract_of_local_providers(provider):
    adapter = open_adapter(provider, "ideal")
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    assert adapter.provider == provider
    assert adapter.snapshot() is None
    assert adapter.limits().circuits_per_job > 1
    assert adapter.find("a") == []
    requests = (Request(circuit, 100, 7), Request(circuit, 50, 8), Request(circuit, 100, 7))
    job = adapter.submit(Job("a", "token", requests))
    assert adapter.find("a") == [job]
    assert adapter.state(job) == "done"
    results = adapter.results(job)
    assert [r.num_shots for r in results] == [100, 50, 100]
    assert np.array_equal(results[0].array, results[2].array)
    assert set(results[0].get_counts()) == {"00", "11"}
    adapter.cancel(job)
    assert adapter.state(job) == "done"
    for ask in (adapter.state, adapter.results, adapter.cancel):
        with pytest.raises(UnknownJob, match="no local job 'other'"):
            ask("other")
