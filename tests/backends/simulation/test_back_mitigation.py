"""Readout mitigation: the truth comes back, bits in the right order, errors not too small."""

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.simulation.readout_mitigation import (
    ReadoutCalibration,
    calibration_circuits,
    mitigated_success,
    mitigated_value,
    readout_of,
)
from backends.simulation.stim_sampler import sample
from experiments.settings import Check, Setting
from experiments.statistics.estimators import THREE_STABILIZERS


def circuit_on(*qubits: int, width: int = 9) -> QuantumCircuit:
    """Reads the qubits into bits 0, 1, …"""
    out = QuantumCircuit(width, len(qubits))
    out.measure(qubits, range(len(qubits)))
    return out


def bit_array(bits: np.ndarray) -> BitArray:
    return BitArray.from_bool_array(bits, order="little")


def read(truth: np.ndarray, wrong: list[tuple[float, float]], draw: np.random.Generator):
    """Outcomes of true bits, shape (shots, bits), bit k being wrong as ``wrong[k]`` says."""
    chance = np.where(truth, [b for _, b in wrong], [a for a, _ in wrong])
    return bit_array(truth ^ (draw.random(truth.shape) < chance))


def test_calibration_circuits_read_what_the_others_read():
    zeros, ones = calibration_circuits([circuit_on(7, 2), circuit_on(2, 4)])
    assert readout_of(zeros) == readout_of(ones) == {0: 2, 1: 4, 2: 7}
    assert sample(zeros, None, 5, 1).get_counts() == {"000": 5}
    assert sample(ones, None, 5, 1).get_counts() == {"111": 5}


def test_the_calibration_tells_both_errors_of_each_qubit():
    zeros, _ = calibration_circuits([circuit_on(5, 3)])
    draw = np.random.default_rng(1)
    wrong = [(0.02, 0.10), (0.05, 0.01)]  # of qubits 3 and 5
    shots = 200_000
    found = ReadoutCalibration.of(
        zeros,
        read(np.zeros((shots, 2), bool), wrong, draw),
        read(np.ones((shots, 2), bool), wrong, draw),
    )
    for qubit, errors in zip((3, 5), wrong, strict=True):
        assert found.wrong[qubit] == pytest.approx(errors, abs=0.003)


def test_asymmetric_outcomes_come_back_in_the_right_order():
    # Bit 0 from the bad qubit 8 is always 1, bit 1 from the good qubit 0 always 0.
    calibration = ReadoutCalibration({8: (0.0, 0.3), 0: (0.0, 0.0)}, 10**9)
    draw = np.random.default_rng(2)
    truth = np.tile([True, False], (4000, 1))
    shots = read(truth, [calibration.wrong[8], calibration.wrong[0]], draw)
    circuit = circuit_on(8, 0)
    for bits, parity, expected in (
        ((0,), 1, 1.0),
        ((1,), 0, 1.0),
        ((0, 1), 1, 1.0),
        ((1,), 1, 0.0),
    ):
        setting = Setting("s", circuit, (Check(bits, parity),))
        raw = setting.successes(shots) / 4000
        value, of_shots, _ = mitigated_success(setting, circuit, shots, calibration)
        assert value == pytest.approx(expected, abs=3 * of_shots + 1e-9)
        assert bits == (1,) or abs(raw - expected) > 0.25, "unmitigated it is far off"


def test_several_checks_must_hold_together():
    circuit = circuit_on(1, 2)
    setting = Setting("bell", circuit, (Check((0,), 0), Check((1,), 0)))
    calibration = ReadoutCalibration({1: (0.1, 0.1), 2: (0.1, 0.1)}, 10**9)
    draw = np.random.default_rng(3)
    truth = np.zeros((20_000, 2), bool)
    truth[:5000, 0] = True
    shots = read(truth, [(0.1, 0.1)] * 2, draw)
    value, of_shots, _ = mitigated_success(setting, circuit, shots, calibration)
    assert value == pytest.approx(0.75, abs=3 * of_shots)


def test_bits_that_no_check_looks_at_cost_nothing():
    circuit = circuit_on(*range(9))
    setting = Setting("s", circuit, (Check((4,), 0),))
    calibration = ReadoutCalibration({4: (0.05, 0.05)}, 10**9)
    draw = np.random.default_rng(4)
    shots = bit_array(draw.random((500, 9)) < 0.5)
    mitigated_success(setting, circuit, shots, calibration)  # needs no other qubit's calibration


@pytest.mark.parametrize("shots", [200, 1000])
def test_the_stated_error_covers_the_spread(shots):
    """Coverage of ±1.96 standard errors, measured: an upper bound may cover more than 95 %."""
    draw = np.random.default_rng(5)
    wrong = [(0.02, 0.06), (0.01, 0.03)]
    circuit = circuit_on(0, 1)
    zeros, _ = calibration_circuits([circuit])
    settings = [Setting(label, circuit, (Check((0, 1), 0),)) for label in ("XX", "YY", "ZZ")]
    chance, repeats = 0.9, 150
    truth_value = THREE_STABILIZERS.value([chance] * 3)
    covered, raw, mitigated = 0, [], []
    for _ in range(repeats):
        calibration = ReadoutCalibration.of(
            zeros,
            read(np.zeros((shots, 2), bool), wrong, draw),
            read(np.ones((shots, 2), bool), wrong, draw),
        )
        measured = []
        for setting in settings:
            first = draw.random((shots, 1)) < 0.5
            odd = draw.random((shots, 1)) >= chance
            measured.append((setting, circuit, read(np.hstack([first, first ^ odd]), wrong, draw)))
        found = mitigated_value(THREE_STABILIZERS, measured, calibration)
        covered += abs(found.value - truth_value) <= 1.96 * found.std_err
        mitigated.append(found.value)
        raw.append(THREE_STABILIZERS.value([s.successes(o) / shots for s, _, o in measured]))
    assert covered / repeats >= 0.95
    assert abs(np.mean(mitigated) - truth_value) < 4 * np.std(mitigated) / repeats**0.5
    assert np.mean(raw) < truth_value - 0.03
