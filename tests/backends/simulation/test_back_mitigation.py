"""Readout mitigation: the truth comes back, bits in the right order, errors not too small."""

import math
from itertools import product

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.simulation.readout_calibration import (
    ReadoutCalibration,
    UnusableReadout,
    calibration_circuits,
    readout_of,
)
from backends.simulation.readout_mitigation import (
    MitigationMethod,
    mitigated_success,
    mitigated_value,
)
from backends.simulation.stim_sampler import sample
from experiments.settings import Check, Setting
from experiments.statistics.estimators import (
    BELL_MEASUREMENT,
    THREE_STABILIZERS,
    LinearEstimator,
)


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
        found = mitigated_success(setting, circuit, shots, calibration)
        assert found.value == pytest.approx(expected, abs=3 * found.of_shots + 1e-9)
        assert bits == (1,) or abs(raw - expected) > 0.25, "unmitigated it is far off"


def test_several_checks_must_hold_together():
    circuit = circuit_on(1, 2)
    setting = Setting("bell", circuit, (Check((0,), 0), Check((1,), 0)))
    calibration = ReadoutCalibration({1: (0.1, 0.1), 2: (0.1, 0.1)}, 10**9)
    draw = np.random.default_rng(3)
    truth = np.zeros((20_000, 2), bool)
    truth[:5000, 0] = True
    shots = read(truth, [(0.1, 0.1)] * 2, draw)
    found = mitigated_success(setting, circuit, shots, calibration)
    assert found.value == pytest.approx(0.75, abs=3 * found.of_shots)


def test_bits_that_no_check_looks_at_cost_nothing():
    circuit = circuit_on(*range(9))
    setting = Setting("s", circuit, (Check((4,), 0),))
    calibration = ReadoutCalibration({4: (0.05, 0.05)}, 10**9)
    draw = np.random.default_rng(4)
    shots = bit_array(draw.random((500, 9)) < 0.5)
    mitigated_success(setting, circuit, shots, calibration)  # needs no other qubit's calibration


@pytest.mark.parametrize("shots", [200, 1000])
def test_the_stated_error_covers_the_spread(shots):
    """Coverage of ±1.96 standard errors, measured; less than 0.95 by three of its own at most."""
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
    assert covered / repeats >= 0.95 - 3 * (0.95 * 0.05 / repeats) ** 0.5
    assert abs(np.mean(mitigated) - truth_value) < 4 * np.std(mitigated) / repeats**0.5
    assert np.mean(raw) < truth_value - 0.03


# --- the exact estimator against exact distributions


def read_law(truth: dict[tuple[int, ...], float], wrong: list[tuple[float, float]]):
    """Exact law of what is read: outcome → probability, from that of the true bits."""
    law: dict[tuple[int, ...], float] = {}
    for bits, chance in truth.items():
        for outcome in product((0, 1), repeat=len(wrong)):
            flips = (
                (e[b] if b != o else 1 - e[b]) for b, o, e in zip(bits, outcome, wrong, strict=True)
            )
            law[outcome] = law.get(outcome, 0.0) + chance * math.prod(flips)
    return law


def random_truth(bits: int, rng: np.random.Generator) -> dict[tuple[int, ...], float]:
    outcomes = [tuple(map(int, rng.integers(0, 2, bits))) for _ in range(6)]
    return dict(zip(outcomes, map(float, rng.dirichlet(np.ones(6))), strict=True))


def is_success(checks: tuple[Check, ...], bits: tuple[int, ...]) -> bool:
    return all(sum(bits[b] for b in check.bits) % 2 == check.parity for check in checks)


CHECKS = [
    (Check(tuple(range(5)), 1),),
    (Check((0, 1, 2), 0), Check((2, 3, 4), 1)),
    (Check((0,), 1), Check((1, 3), 0), Check((2, 3), 1), Check((0, 4), 0)),
]


@pytest.mark.parametrize("checks", CHECKS, ids=["parity", "two", "four"])
def test_the_mean_over_the_exact_law_of_outcomes_is_the_true_probability(
    checks: tuple[Check, ...],
) -> None:
    """No bias, up to rounding: each outcome alone, weighed by its exact probability."""
    rng = np.random.default_rng(6)
    wrong = [(float(a), float(b)) for a, b in rng.uniform(0, 0.3, (5, 2))]
    truth = random_truth(5, rng)
    circuit = circuit_on(*range(5))
    setting = Setting("s", circuit, checks)
    calibration = ReadoutCalibration(dict(enumerate(wrong)), 10**6)
    mean = sum(
        chance
        * mitigated_success(setting, circuit, bit_array(np.array([o], bool)), calibration).value
        for o, chance in read_law(truth, wrong).items()
    )
    expected = sum(chance for bits, chance in truth.items() if is_success(checks, bits))
    assert mean == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("checks", CHECKS, ids=["parity", "two", "four"])
def test_slopes_are_the_derivatives_by_the_errors_of_the_readout(
    checks: tuple[Check, ...],
) -> None:
    rng = np.random.default_rng(7)
    wrong = rng.uniform(0.01, 0.2, (5, 2))
    circuit = circuit_on(*range(5))
    setting = Setting("s", circuit, checks)
    shots = bit_array(rng.random((300, 5)) < 0.4)

    def success(errors: np.ndarray):
        table = {q: (float(a), float(b)) for q, (a, b) in enumerate(errors)}
        return mitigated_success(setting, circuit, shots, ReadoutCalibration(table, 1000))

    found = success(wrong).slopes
    for qubit, which in product(range(5), range(2)):
        step = np.zeros((5, 2))
        step[qubit, which] = 1e-6
        slope = (success(wrong + step).value - success(wrong - step).value) / 2e-6
        assert found[qubit][which] == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("bits", [10, 13, 16])
def test_the_parity_of_many_bits_has_no_bias_and_is_covered(bits: int) -> None:
    """Where mthree is off by several standard errors."""
    rng = np.random.default_rng(8)
    wrong = [(float(a), float(b)) for a, b in rng.uniform(0.005, 0.04, (bits, 2))]
    circuit = circuit_on(*range(bits), width=bits)
    zeros, _ = calibration_circuits([circuit])
    setting = Setting("s", circuit, (Check(tuple(range(bits)), 0),))
    shots, chance, repeats = 1000, 0.9, 150
    values, covered = [], 0
    for _ in range(repeats):
        calibration = ReadoutCalibration.of(
            zeros,
            read(np.zeros((shots, bits), bool), wrong, rng),
            read(np.ones((shots, bits), bool), wrong, rng),
        )
        truth = rng.random((shots, bits)) < 0.5
        odd = truth.sum(axis=1) % 2 == 1
        truth[:, 0] ^= odd ^ (rng.random(shots) >= chance)
        found = mitigated_value(
            BELL_MEASUREMENT, [(setting, circuit, read(truth, wrong, rng))], calibration
        )
        values.append(found.value)
        covered += abs(found.value - chance) <= 1.96 * found.std_err
    assert np.mean(values) == pytest.approx(chance, abs=4 * np.std(values) / repeats**0.5)
    assert covered / repeats >= 0.95 - 3 * (0.95 * 0.05 / repeats) ** 0.5
    assert np.std(values) == pytest.approx(found.std_err, rel=0.25)


def test_mthree_is_biased_at_many_bits() -> None:
    """Why the method was changed."""
    rng = np.random.default_rng(9)
    bits, shots, chance = 14, 2000, 0.9
    wrong = [(0.02, 0.03)] * bits
    circuit = circuit_on(*range(bits), width=bits)
    setting = Setting("s", circuit, (Check(tuple(range(bits)), 0),))
    calibration = ReadoutCalibration(dict(enumerate(wrong)), 10**6)
    truth = rng.random((shots, bits)) < 0.5
    truth[:, 0] ^= (truth.sum(axis=1) % 2 == 1) ^ (rng.random(shots) >= chance)
    outcomes = read(truth, wrong, rng)

    def value(method: MitigationMethod) -> float:
        return mitigated_success(setting, circuit, outcomes, calibration, method).value

    assert value("mthree") < chance - 0.02
    assert value("exact") == pytest.approx(chance, abs=0.04)


def test_many_checks_take_mthree() -> None:
    """All bits agree: seven checks of eight bits."""
    rng = np.random.default_rng(10)
    circuit = circuit_on(*range(8))
    setting = Setting("populations", circuit, tuple(Check((0, k), 0) for k in range(1, 8)))
    wrong = [(0.02, 0.05)] * 8
    truth = np.repeat(rng.random((4000, 1)) < 0.5, 8, axis=1)
    truth[:800, 3] ^= True
    calibration = ReadoutCalibration(dict(enumerate(wrong)), 10**6)
    shots = read(truth, wrong, rng)
    found = mitigated_success(setting, circuit, shots, calibration)
    assert found.value == pytest.approx(0.8, abs=4 * found.of_shots)
    assert found.value == mitigated_success(setting, circuit, shots, calibration, "mthree").value


def test_more_bits_than_an_integer_holds_are_told_apart() -> None:
    """70 bits of which one is wrong in each fifth shot."""
    bits = 70
    circuit = circuit_on(*range(bits), width=bits)
    setting = Setting("s", circuit, (Check(tuple(range(bits)), 0),))
    calibration = ReadoutCalibration(dict.fromkeys(range(bits), (0.001, 0.001)), 10**6)
    rng = np.random.default_rng(11)
    truth = np.zeros((5000, bits), bool)
    truth[:1000, 69] = True
    shots = read(truth, [(0.001, 0.001)] * bits, rng)
    found = mitigated_success(setting, circuit, shots, calibration)
    assert found.value == pytest.approx(0.8, abs=4 * found.of_shots)


# --- calibrations that tell nothing

USELESS = {"singular": (0.5, 0.5), "inverted": (0.9, 0.8), "nearly": (0.5, 0.49)}


@pytest.mark.parametrize("errors", USELESS.values(), ids=USELESS)
def test_a_readout_that_tells_nothing_is_named(errors: tuple[float, float]) -> None:
    circuit = circuit_on(3, 4)
    setting = Setting("s", circuit, (Check((0, 1), 0),))
    calibration = ReadoutCalibration({3: (0.01, 0.02), 4: errors}, 1000)
    shots = bit_array(np.zeros((100, 2), bool))
    with pytest.raises(UnusableReadout, match=r"qubit 4 reads 1 in .* more shots"):
        mitigated_value(BELL_MEASUREMENT, [(setting, circuit, shots)], calibration)


def test_an_error_larger_than_the_range_of_the_value_is_no_value() -> None:
    bits = 12
    circuit = circuit_on(*range(bits), width=bits)
    setting = Setting("s", circuit, (Check(tuple(range(bits)), 0),))
    calibration = ReadoutCalibration(dict.fromkeys(range(bits), (0.3, 0.3)), 10**5)
    shots = bit_array(np.random.default_rng(1).random((1000, bits)) < 0.5)
    with pytest.raises(UnusableReadout, match="more than its whole range from 0 to 1"):
        mitigated_value(BELL_MEASUREMENT, [(setting, circuit, shots)], calibration)


def test_settings_that_cancel_leave_no_error_of_the_calibration() -> None:
    """The calibration is shared: its errors add with their signs."""
    circuit = circuit_on(0)
    setting = Setting("s", circuit, (Check((0,), 0),))
    calibration = ReadoutCalibration({0: (0.1, 0.1)}, 20)
    shots = bit_array(np.random.default_rng(2).random((10**5, 1)) < 0.3)
    difference = LinearEstimator(0.0, (1.0, -1.0), -1.0, 1.0)
    found = mitigated_value(difference, [(setting, circuit, shots)] * 2, calibration)
    one = mitigated_value(BELL_MEASUREMENT, [(setting, circuit, shots)], calibration)
    assert found.std_err < 0.005 < one.std_err
