"""Intervals of predictions over calibrations of other days."""

from dataclasses import replace

import pytest

from backends.compiling.compile import compile_point
from backends.compiling.past_calibrations import over_calibrations
from backends.devices.catalog import load_device
from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.noise_models import OF_EACH_CALIBRATION
from backends.simulation.prediction import predict_setting
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import Cloning
from experiments.stabilizer.clifford import steps

TODAY = load_device("fake_lagos")
POINT = EntanglementPoint(Cloning(2), "parity")
value = POINT.linear_estimator.value


@pytest.fixture(scope="module")
def compiled():
    return compile_point(POINT.settings(), value, TODAY, (0, 1))


def worse(device: DeviceSnapshot, factor: float) -> DeviceSnapshot:
    """All gates and readouts of a device err so many times more often."""
    return replace(
        device,
        couplers=tuple(replace(c, error=min(1.0, c.error * factor)) for c in device.couplers),
        qubits=tuple(replace(q, readout_error=q.readout_error * factor) for q in device.qubits),
    )


def with_broken_coupler(device: DeviceSnapshot, pair: frozenset[int]) -> DeviceSnapshot:
    couplers = [
        replace(c, error=1.0) if frozenset(c.qubits) == pair else c for c in device.couplers
    ]
    return replace(device, couplers=tuple(couplers))


def used_pairs(compiled) -> set[frozenset[int]]:
    return {
        frozenset(step.qubits)
        for one in compiled.settings
        for step in steps(one.circuit)
        if len(step.qubits) == 2 and step.name != "barrier"
    }


def values_by(compiled, device: DeviceSnapshot) -> list[float]:
    return [
        value(
            [predict_setting(s.setting, s.circuit, device, model=model) for s in compiled.settings]
        )
        for model in OF_EACH_CALIBRATION
    ]


def test_the_interval_is_the_range_over_calibrations_without_drift(compiled):
    bad, good = worse(TODAY, 1.6), worse(TODAY, 0.9)
    spanned = over_calibrations(compiled, value, TODAY, [bad, good])
    found = [v for device in (TODAY, bad, good) for v in values_by(compiled, device)]
    assert spanned.predicted == compiled.predicted
    assert spanned.predicted_low == pytest.approx(min(found), abs=1e-12)
    assert spanned.predicted_high == pytest.approx(max(found), abs=1e-12)
    assert (spanned.left_out, spanned.lowest_of_layouts) == (0, None)
    # Worse by more than the assumed drift, and never better by as much.
    assert spanned.predicted_low < compiled.predicted_low
    assert spanned.predicted_high < compiled.predicted_high


def test_steady_calibrations_make_the_interval_narrower_than_assumed_drift(compiled):
    spanned = over_calibrations(compiled, value, TODAY, [TODAY])
    assert compiled.predicted_low < spanned.predicted_low < spanned.predicted
    # Without drift and pulse trains nothing is left that could be better than stated.
    assert spanned.predicted == spanned.predicted_high < compiled.predicted_high


def test_a_day_on_which_a_used_coupler_was_broken_is_left_out(compiled):
    pair = next(iter(used_pairs(compiled)))
    broken = with_broken_coupler(worse(TODAY, 3.0), pair)
    spanned = over_calibrations(compiled, value, TODAY, [worse(TODAY, 1.2), broken])
    alone = over_calibrations(compiled, value, TODAY, [worse(TODAY, 1.2)])
    assert spanned.left_out == 1
    assert (spanned.predicted_low, spanned.predicted_high) == (
        alone.predicted_low,
        alone.predicted_high,
    )


def test_a_day_on_which_another_coupler_was_broken_counts(compiled):
    unused = {frozenset(c.qubits) for c in TODAY.couplers} - used_pairs(compiled)
    pair = next(iter(unused))
    spanned = over_calibrations(compiled, value, TODAY, [with_broken_coupler(TODAY, pair)])
    assert spanned.left_out == 0


def test_a_day_on_which_a_used_qubit_was_broken_is_left_out(compiled):
    used = next(iter(next(iter(used_pairs(compiled)))))
    qubits = [replace(q, t1_seconds=None) if k == used else q for k, q in enumerate(TODAY.qubits)]
    spanned = over_calibrations(compiled, value, TODAY, [replace(TODAY, qubits=tuple(qubits))])
    assert spanned.left_out == 1


def test_drift_is_assumed_where_no_past_calibration_is_of_use(compiled):
    broken = with_broken_coupler(TODAY, next(iter(used_pairs(compiled))))
    other = replace(TODAY, entangler="ecr")
    spanned = over_calibrations(compiled, value, TODAY, [broken, other])
    assert spanned.left_out == 2
    for name in ("predicted", "predicted_low", "predicted_high", "lowest_of_layouts"):
        assert getattr(spanned, name) == getattr(compiled, name)


def test_nothing_changes_without_past_calibrations(compiled):
    assert over_calibrations(compiled, value, TODAY, []) is compiled
    assert compiled.left_out is None
