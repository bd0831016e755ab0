"""Every kind of experiment through the real client, on an IQM, a Rigetti and an IonQ device.

The emulator reads the programs by itself and runs them with noise that it takes from the
capabilities by itself, so agreement with the prediction checks both.
"""

import braket_devices as devices
import pytest
from aws_harness import RUN, AwsScene, snapshot
from braket_programs import parse

from backends.adapter import CircuitFailure
from runner.jobs.collected import collected_points

KINDS = {
    "entanglement": {"n": [2, 3], "decrypt": {"strategy": "frame"}, "estimator": "parity"},
    "unitary": {"kind": "entanglement", "n": 2, "estimator": "bsm"},
    "witness": {"kind": "entanglement", "n": 2, "decrypt": {"strategy": "witness"}},
    "input": {"kind": "entanglement", "n": 2, "input": ["+i"]},
    "chsh": {"n": 2, "scenario": ["2-2", "undecrypted"]},
    "iterated": {"level": 1, "clones": "virtual", "decrypt": {"strategy": "frame"}},
    "ghz": {"r": 2},
    "correlators": {"n": 2},
    "storage": {"n": 2, "spent_on": 2},
    "leakage": {"n": 3, "subset": ["S1 S2 S3"]},
}
CASES = [(k, arn) for k in KINDS for arn in (devices.GARNET, devices.ANKAA, devices.FORTE)]
# The other two ways to entangle ions: XX with turns about Z of its own, and MS with phases.
CASES += [(k, arn) for k in ("unitary", "chsh") for arn in (devices.IBEX, devices.ARIA)]
SHOTS = 1000
pytestmark = pytest.mark.usefixtures("quick")


@pytest.mark.parametrize(("kind", "arn"), CASES)
def test_results_are_as_predicted_and_nothing_was_compiled_again(place, emulator, kind, arn):
    run = {"experiment": {"kind": kind, **KINDS[kind]}, "shots": SHOTS, "repeats": 1}
    scene = AwsScene(place, emulator, arn, run)
    scene.work()
    measured = list(collected_points(scene.store, RUN))
    assert measured
    submitted = {}
    for point in measured:
        row = point.row
        assert row.certificate == "proved"
        assert row.value is not None
        spread = max(row.std_err, 0.003)
        assert abs(row.value - row.predicted) < 4.5 * spread, (row.value, row.predicted)
        for circuit in point.circuits:
            assert not isinstance(circuit.shots, CircuitFailure)
            gates = circuit.compiled.certificate.two_qubit_gates
            submitted[gates] = submitted.get(gates, 0) + 1
    sent = {}
    for task in scene.service.made():
        for source in task.sources:
            program = parse(source)
            assert program.verbatim
            sent[program.two_qubit_gates] = sent.get(program.two_qubit_gates, 0) + 1
    assert sent == submitted


@pytest.mark.parametrize(
    ("arn", "n"), [(devices.GARNET, 9), (devices.ANKAA, 13), (devices.FORTE, 17)]
)
def test_the_largest_n_that_fits(place, emulator, arn, n):
    """Every qubit of the device is in use."""
    frame = {"kind": "entanglement", "n": n, "decrypt": {"strategy": "frame"}, "estimator": "bsm"}
    scene = AwsScene(place, emulator, arn, {"experiment": frame, "shots": SHOTS, "repeats": 1})
    scene.work()
    (point,) = collected_points(scene.store, RUN)
    assert point.row.qubits == len(snapshot(arn).largest_region) == 2 * n + 2
    assert point.row.certificate == "proved"
    assert abs(point.row.value - point.row.predicted) < 4.5 * point.row.std_err
    (task,) = scene.service.made()
    assert parse(task.sources[0]).two_qubit_gates == point.row.two_qubit_gates


@pytest.mark.parametrize(
    "experiment",
    [
        {"kind": "entanglement", "n": 2, "decrypt": {"strategy": "feedforward"}},
        {"kind": "storage", "n": 3, "lost": 2, "loss": ["reset"]},
    ],
)
def test_iqm_with_conditional_gates_runs_what_needs_them(place, emulator, experiment):
    scene = AwsScene(
        place,
        emulator,
        devices.GARNET,
        {"experiment": experiment, "shots": SHOTS, "repeats": 1},
        {"conditional_gates": True},
    )
    scene.work()
    for point in collected_points(scene.store, RUN):
        # Conditional Z is two pulses on IQM and a frame in the prediction: a little is lost.
        assert abs(point.row.value - point.row.predicted) < 0.02 + 4.5 * point.row.std_err
    assert all("measure_ff" in source for task in scene.service.made() for source in task.sources)


@pytest.mark.parametrize("reveals", [False, True])
def test_a_device_without_verbatim_boxes_proves_nothing(place, emulator, reveals):
    """The emulated compiler cancels half of the circuit; it is found out where it says so."""
    run = {"experiment": {"kind": "entanglement", "n": 2}, "shots": 50, "repeats": 1}
    scene = AwsScene(place, emulator, devices.RECOMPILING, run, reveals=reveals)
    scene.work()
    (point,) = collected_points(scene.store, RUN)
    assert point.row.certificate == "unverified"
    assert (point.row.value is None) == reveals
    failed = [c.shots.code for c in point.circuits if isinstance(c.shots, CircuitFailure)]
    assert failed == (["RECOMPILED"] * 3 if reveals else [])
    assert not any(parse(t.sources[0]).verbatim for t in scene.service.made())
