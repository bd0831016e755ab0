"""Calibration snapshots: what is read, what counts as broken, what survives a round trip."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import CouplingMap, PassManager, Target
from qiskit_ibm_runtime.fake_provider import FakeKingston, FakeSherbrooke

from backends.compiling.clifford_passes import native_gates
from backends.devices.catalog import load_device, packaged_devices
from backends.devices.snapshot import CouplerCalibration, DeviceSnapshot, QubitCalibration
from backends.errors import UnknownDevice, UnusableDevice
from backends.simulation.stim_sampler import sample

GOOD = QubitCalibration(2e-4, 1e-4, 2e-4, 32e-9, 0.01, 2e-6)


def line(errors, qubits=None):
    """A chain of qubits with one error a coupler."""
    couplers = []
    for k, error in enumerate(errors):
        couplers += [
            CouplerCalibration((k, k + 1), error, 68e-9),
            CouplerCalibration((k + 1, k), error, 68e-9),
        ]
    qubits = qubits or (GOOD,) * (len(errors) + 1)
    return DeviceSnapshot("chain", None, "cz", tuple(qubits), tuple(couplers))


def test_kingston_is_read_as_its_calibration_states_it():
    device = load_device("fake_kingston")
    assert (device.name, device.num_qubits, device.entangler) == ("ibm_kingston", 156, "cz")
    assert device.calibrated_at.startswith("2026-04-15")
    first = device.qubits[0]
    assert first.t1_seconds == pytest.approx(384.16052477415343e-6)
    assert first.t2_seconds == pytest.approx(353.8457928146477e-6)
    assert first.gate_error == 0.00020328557447001343
    assert first.readout_error == 0.009521484375
    assert first.readout_seconds == pytest.approx(2.28e-6)
    assert device.working_couplers[0, 1].error == pytest.approx(0.0011502627373028707)


def test_broken_qubits_and_couplers_are_left_out():
    device = load_device("fake_kingston")
    broken = {k for k, q in enumerate(device.qubits) if not q.works}
    # Their √X is reported with error 1, and 146 has no T1 or T2 either.
    assert broken == {96, 112, 113, 131, 146}
    assert (120, 121) not in device.working_couplers
    assert not broken & device.largest_region
    assert len(device.largest_region) == 150
    target = device.to_target()
    assert (120, 121) not in target["cz"]
    assert all((q,) not in target["sx"] for q in broken)


@pytest.mark.parametrize(
    ("fake", "name"), [(FakeKingston, "fake_kingston"), (FakeSherbrooke, "fake_sherbrooke")]
)
def test_a_target_and_the_properties_document_tell_the_same(fake, name):
    read = load_device(name)
    date = datetime(2026, 4, 15, tzinfo=UTC)
    from_target = DeviceSnapshot.from_target(fake().target, read.name, date)
    assert from_target.calibrated_at == "2026-04-15T00:00:00+00:00"
    assert from_target.entangler == read.entangler
    assert from_target.largest_region == read.largest_region
    for pair, coupler in read.working_couplers.items():
        assert from_target.working_couplers[pair].error == pytest.approx(coupler.error)
        assert from_target.working_couplers[pair].gate_seconds == pytest.approx(
            coupler.gate_seconds
        )
    for ours, theirs in zip(read.qubits, from_target.qubits, strict=True):
        assert ours.works == theirs.works
        if ours.works:
            assert ours.t1_seconds == pytest.approx(theirs.t1_seconds)
            assert ours.t2_seconds == pytest.approx(theirs.t2_seconds)
            assert ours.gate_error == pytest.approx(theirs.gate_error)
            assert ours.readout_error == pytest.approx(theirs.readout_error)


def test_a_snapshot_survives_json_and_keeps_its_fingerprint(tmp_path):
    device = load_device("fake_torino")
    file = tmp_path / "device.json"
    file.write_text(device.to_json(), encoding="utf-8")
    again = load_device(str(file))
    assert again == device
    assert again.fingerprint == device.fingerprint
    assert again.fingerprint != load_device("fake_kingston").fingerprint


def test_kingston_holds_asymmetric_readouts_layers_and_interactions():
    device = load_device("fake_kingston")
    assert device.qubits[0].readout_asymmetry == pytest.approx(0.01318359375)
    assert all(
        abs(q.readout_asymmetry) <= 2 * min(q.readout_error, 1 - q.readout_error) + 1e-12
        for q in device.qubits
    )
    assert [len(layer.qubits) for layer in device.layers] == list(range(4, 101))
    assert device.parallel_error_ratio == pytest.approx(1.308, abs=1e-3)
    assert len(device.interactions) == 9
    assert max(one.hertz for one in device.interactions) == pytest.approx(6252.9, abs=0.1)


def test_what_snapshots_hold_since_later_changes_no_fingerprint_of_older_ones():
    older = replace(load_device("fake_kingston").with_mean_readout(), layers=(), interactions=())
    assert older.fingerprint == ("b3d85d25fad0c7035f54abecf238e59696ee467563faf61f9854e79c0ffbdcb9")


def test_the_properties_document_of_any_ibm_backend_is_a_device(tmp_path):
    file = tmp_path / "props.json"
    document = {
        "backend_name": "ibm_test",
        "last_update_date": "2026-01-02T03:04:05Z",
        "qubits": [
            [
                {"name": "T1", "value": 100.0, "unit": "us"},
                {"name": "T2", "value": 0.08, "unit": "ms"},
                {"name": "readout_error", "value": 0.02, "unit": ""},
                {"name": "readout_length", "value": 1500, "unit": "ns"},
            ]
        ]
        * 2,
        "gates": [
            {
                "gate": gate,
                "qubits": on,
                "parameters": [
                    {"name": "gate_error", "value": error, "unit": ""},
                    {"name": "gate_length", "value": 50, "unit": "ns"},
                ],
            }
            for gate, on, error in (
                ("sx", [0], 1e-4),
                ("sx", [1], 2e-4),
                ("ecr", [1, 0], 5e-3),
            )
        ],
    }
    file.write_text(json.dumps(document), encoding="utf-8")
    device = load_device(str(file))
    assert device.entangler == "ecr"
    assert device.qubits[1] == QubitCalibration(
        pytest.approx(1e-4), pytest.approx(8e-5), 2e-4, pytest.approx(5e-8), 0.02, 1.5e-6
    )
    assert list(device.working_couplers) == [(1, 0)]


def test_a_device_in_parts_offers_its_largest_part():
    assert line([0.01, 1.0, 0.01, 0.01]).largest_region == {2, 3, 4}


def test_a_qubit_without_decay_times_takes_its_couplers_with_it():
    blind = QubitCalibration(None, 1e-4, 2e-4, 32e-9, 0.01, 2e-6)
    assert line([0.01] * 3, (GOOD, GOOD, blind, GOOD)).largest_region == {0, 1}


def test_a_device_without_a_working_coupler_says_so():
    with pytest.raises(UnusableDevice, match="no working coupler"):
        line([1.0, 1.0]).to_target()


def test_a_device_without_a_clifford_entangler_says_what_it_has():
    target = Target.from_configuration(["rx", "rzz", "measure"], 2, CouplingMap([(0, 1)]))
    with pytest.raises(UnusableDevice, match=r"looked for cz, ecr, cx, iswap, found .*rzz"):
        DeviceSnapshot.from_target(target, "ions")


def test_an_unknown_device_names_the_nearest_one():
    with pytest.raises(UnknownDevice, match="did you mean 'fake_kingston'"):
        load_device("fake_kingstn")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"backend_name": "x"}', "3"])
def test_a_file_that_is_no_device_is_refused(tmp_path, content):
    file = tmp_path / "odd.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UnknownDevice, match=r"odd\.json"):
        load_device(str(file))


def test_a_missing_device_file_is_refused(tmp_path):
    with pytest.raises(UnknownDevice, match="cannot be read"):
        load_device(str(tmp_path / "none.json"))


def test_every_packaged_device_is_read_or_refused_in_words():
    unusable = []
    for name in packaged_devices():
        try:
            assert load_device(name).to_target().num_qubits > 1
        except UnusableDevice:
            unusable.append(name)
    assert len(packaged_devices()) > 50
    # One has no two-qubit gate, the other reports every gate as broken.
    assert unusable == ["fake_armonk", "fake_kyoto"]


def test_a_device_in_parts_says_so():
    blind = QubitCalibration(2e-4, 1e-4, 1.0, 32e-9, 0.01, 2e-6)
    device = line([0.01, 1.0, 0.01, 0.01, 0.01], (GOOD,) * 5 + (blind,))
    assert device.regions == ({2, 3, 4}, {0, 1}, {5})
    assert device.what_is_connected == (
        "3 that work and are connected (of 6; it falls into parts of 3, 2; broken qubits: 5; "
        "broken couplers: 1-2)"
    )


def test_a_message_lists_the_first_of_many_broken_couplers():
    assert "0-1, 1-2, 2-3, 3-4, 4-5, 5-6 and 2 more)" in line([1.0] * 8).what_is_connected


def test_a_target_that_states_no_decay_has_none():
    target = Target.from_configuration(
        ["rz", "sx", "x", "cz", "measure"], 3, CouplingMap([(0, 1), (1, 2)])
    )
    device = DeviceSnapshot.from_target(target, "bare")
    assert device.largest_region == {0, 1, 2}
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cz(0, 1)
    circuit.delay(1e-3, 0, unit="s")
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    assert not sample(PassManager(native_gates(target)).run(circuit), device, 100, 0).array.any()


def test_a_target_for_any_qubits_says_that_a_coupling_map_is_missing():
    target = Target.from_configuration(["rz", "sx", "x", "cz", "measure"], 3)
    with pytest.raises(UnusableDevice, match="does not state which qubits 'cz' joins"):
        DeviceSnapshot.from_target(target, "simulator")
