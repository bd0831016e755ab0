"""The bounds of the noise model: what they change, and that simulators draw from them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit

from backends.compiling.compile import compile_point
from backends.devices.catalog import load_device
from backends.devices.collective import Interaction, LayerCalibration
from backends.devices.snapshot import CouplerCalibration, DeviceSnapshot, QubitCalibration
from backends.providers.registry import open_adapter
from backends.simulation import aer_sampler, stim_sampler
from backends.simulation.noise import depolarizing_probability, noisy_events
from backends.simulation.noise_models import (
    ASSUMPTIONS,
    CALIBRATION,
    LAYERS,
    OPTIMISTIC,
    NoiseModel,
)
from backends.simulation.prediction import predict_setting
from experiments.kinds.chsh import ChshPoint
from experiments.kinds.entanglement import EntanglementPoint
from experiments.kinds.ghz import GhzPoint
from experiments.protocol import Cloning
from experiments.stabilizer.clifford import steps

SX, CZ, READ = 32e-9, 68e-9, 2e-6
QUBIT = QubitCalibration(2e-4, 1e-4, 3e-4, SX, 0.01, READ, 0.004)
PAIRS = ((0, 1), (1, 0), (1, 2), (2, 1))
CHAIN = DeviceSnapshot(
    "chain",
    None,
    "cz",
    (QUBIT,) * 3,
    tuple(CouplerCalibration(pair, 2e-3, CZ) for pair in PAIRS),
    layers=(LayerCalibration((0, 1), 0.99), LayerCalibration((0, 1, 2), (1 - 0.0025) ** 3)),
    interactions=(Interaction((0, 1), 5e4),),
)


def channels(circuit, model, device=CHAIN):
    events = noisy_events(tuple(steps(circuit)), device, model=model)
    return [event for event in events if not hasattr(event, "clbits")]


def test_gates_in_parallel_err_as_the_longest_chain_says():
    # Two gates alone keep (1 - .0025)^2; its layers keep the cube: half as much again.
    assert CHAIN.parallel_error_ratio == pytest.approx(1.5)
    circuit = QuantumCircuit(3)
    circuit.cz(0, 1)
    (channel,) = channels(circuit, NoiseModel("x", parallel=True))
    assert channel.probability == pytest.approx(depolarizing_probability(3e-3, 2))
    better = replace(CHAIN, layers=(LayerCalibration((0, 1, 2), 0.9999),))
    (channel,) = channels(circuit, NoiseModel("x", parallel=True), better)
    assert channel.probability == pytest.approx(depolarizing_probability(2e-3, 2))
    assert replace(CHAIN, layers=()).parallel_error_ratio is None


def test_dephasing_interactions_and_drift_shorten_coherence():
    circuit = QuantumCircuit(1, 1)
    circuit.sx(0)
    circuit.delay(3000, 0, "ns")
    circuit.sx(0)
    circuit.measure(0, 0)

    def coherence(model):
        found = [c for c in channels(circuit, model) if c.cause == "idle" and c.kind in "yz"]
        return math.prod(1 - 2 * c.probability for c in found)

    seconds = 3e-6
    assert coherence(CALIBRATION) == pytest.approx(math.exp(-seconds / 1e-4))
    third = NoiseModel("x", dephasing_factor=3.0)
    assert coherence(third) == pytest.approx(math.exp(-3 * seconds / 1e-4))
    drift = NoiseModel("x", decay_factor=1.25)
    assert coherence(drift) == pytest.approx(math.exp(-1.25 * seconds / 1e-4))
    turned = NoiseModel("x", interactions=True)
    expected = math.exp(-seconds / 1e-4) * math.cos(math.pi * 5e4 * seconds)
    assert coherence(turned) == pytest.approx(expected)


def test_an_early_readout_dephases_coupled_qubits_that_idle():
    circuit = QuantumCircuit(3, 3)
    for qubit in range(3):
        circuit.sx(qubit)
    circuit.barrier()
    circuit.measure(0, 0)
    circuit.barrier()
    for qubit in (1, 2):
        circuit.sx(qubit)
        circuit.measure(qubit, qubit)
    model = NoiseModel("x", readout_dephasing=0.01)
    extra = [c for c in channels(circuit, model) if c.probability == 0.01 and c.kind == "z"]
    # Qubit 2 is not coupled to qubit 0, and the last readouts end the circuit.
    assert [c.qubits for c in extra] == [(1,)]


@pytest.mark.parametrize("error", [0.01, 0.45, 0.5, 0.7])
def test_drift_does_not_carry_a_readout_error_across_one_half(error):
    qubit = replace(QUBIT, readout_error=error, readout_asymmetry=0.0)
    found = LAYERS.readout_error(qubit)
    assert found == pytest.approx(error if error >= 0.5 else min(0.5, 1.25 * error))


def test_every_assumption_has_a_value_in_both_bounds():
    for one in ASSUMPTIONS:
        assert getattr(OPTIMISTIC, one.parameter) == one.optimistic
        assert getattr(LAYERS, one.parameter) == one.pessimistic
        assert one.optimistic != one.pessimistic
    open_parameters = set(NoiseModel.__dataclass_fields__) - {"name"}
    assert {one.parameter for one in ASSUMPTIONS} == open_parameters


POINTS = {
    "unitary": EntanglementPoint(Cloning(2), "bsm"),
    "frame": EntanglementPoint(Cloning(3, 1, "frame"), "parity"),
    "chsh": ChshPoint(Cloning(2), "2-1"),
    "ghz": GhzPoint(2),
}


@pytest.mark.parametrize("name", POINTS)
def test_a_prediction_lies_within_its_interval(name):
    point = POINTS[name]
    value = point.linear_estimator.value
    device = load_device("fake_kingston")
    compiled = compile_point(point.settings(), value, device, (0, 1))
    assert compiled.predicted_low < compiled.predicted < compiled.predicted_high
    assert compiled.lowest_of_layouts <= compiled.predicted_low
    for bound, model in ((compiled.predicted_low, LAYERS), (compiled.predicted_high, OPTIMISTIC)):
        chances = [
            predict_setting(s.setting, s.circuit, device, model=model) for s in compiled.settings
        ]
        assert bound == pytest.approx(value(chances), abs=1e-12)


def test_a_perfect_device_leaves_nothing_open():
    point = POINTS["unitary"]
    compiled = compile_point(point.settings(), point.linear_estimator.value, None, ())
    assert (compiled.predicted_low, compiled.predicted, compiled.predicted_high) == (1, 1, 1)


@pytest.mark.parametrize("sample", [stim_sampler.sample, aer_sampler.sample])
def test_simulators_draw_from_the_pessimistic_model(sample):
    point = POINTS["unitary"]
    device = load_device("fake_kingston")
    compiled = compile_point(point.settings(), point.linear_estimator.value, device, (0,))
    (one,) = compiled.settings
    shots = 8000
    drawn = one.setting.successes(sample(one.circuit, device, shots, 3, model=LAYERS)) / shots
    chance = compiled.predicted_low
    assert abs(drawn - chance) < 4.5 * np.sqrt(chance * (1 - chance) / shots)


@pytest.mark.parametrize("provider", ["stim", "aer"])
def test_the_option_of_a_provider_names_the_model(provider):
    adapter = open_adapter(provider, "fake_kingston", {"model": "layers"})
    assert adapter._sampler.keywords == {"model": LAYERS}
    adapter = open_adapter(provider, "fake_kingston", {})
    assert adapter._sampler.keywords == {"model": CALIBRATION}
