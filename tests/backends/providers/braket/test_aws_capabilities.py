"""Capabilities of each vendor become a snapshot that says what they say."""

import json

import braket_devices as devices
import pytest
import stim
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Operator, random_clifford

from backends.compiling.compile import compile_point
from backends.compiling.two_qubit_cliffords import shortest_circuit
from backends.devices.braket_capabilities import Capabilities
from backends.devices.catalog import load_device
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit, UnknownDevice, UnusableDevice
from backends.simulation.schedule import schedule
from experiments.kinds.chsh import points as chsh_points
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import Cloning
from experiments.stabilizer.clifford import steps


def snapshot(arn, **options):
    return Capabilities(devices.document(arn)).snapshot("a device", **options)


def test_iqm_states_every_qubit_and_pair():
    device, document = snapshot(devices.GARNET), devices.document(devices.GARNET)
    assert (device.entangler, device.num_qubits, len(device.largest_region)) == ("cz", 21, 20)
    # Labels begin at 1: there is no qubit 0.
    assert not device.qubits[0].works
    stated = document["standardized"]["oneQubitProperties"]["7"]
    assert device.qubits[7].t1_seconds == pytest.approx(stated["T1"]["value"] * 1e-6)
    assert device.qubits[7].gate_error == pytest.approx(
        1 - stated["oneQubitFidelity"][0]["fidelity"]
    )
    assert device.qubits[7].readout_error == pytest.approx(
        1 - stated["oneQubitFidelity"][1]["fidelity"]
    )
    pair = document["standardized"]["twoQubitProperties"]["7-8"]["twoQubitGateFidelity"][0]
    for both in ((7, 8), (8, 7)):
        assert device.working_couplers[both].error == pytest.approx(1 - pair["fidelity"])
    assert device.calibrated_at == "2026-11-20T06:00:00"


def test_rigetti_has_holes_and_iswap():
    device = snapshot(devices.ANKAA)
    assert (device.entangler, device.num_qubits) == ("iswap", 30)
    assert {k for k, q in enumerate(device.qubits) if not q.works} == {8, 21}
    assert (7, 8) not in device.working_couplers
    # Values of gates that run side by side are the ones that a circuit meets.
    stated = devices.document(devices.ANKAA)["standardized"]["oneQubitProperties"]["3"]
    assert stated["oneQubitFidelity"][0]["fidelityType"]["name"].startswith("SIMULTANEOUS")
    assert device.qubits[3].gate_error == pytest.approx(
        1 - stated["oneQubitFidelity"][0]["fidelity"]
    )


@pytest.mark.parametrize(
    ("arn", "entangler", "ions", "error", "seconds"),
    [
        (devices.FORTE, "rzz", 36, 1 - 0.9932, 0.00097),
        (devices.ARIA, "rxx", 25, 1 - 0.9855, 0.00097),
        (devices.IBEX, "rxx", 12, 1 - 0.987, 200e-6),
    ],
)
def test_ions_are_all_coupled(arn, entangler, ions, error, seconds):
    device = snapshot(arn)
    assert (device.entangler, device.num_qubits) == (entangler, ions)
    assert len(device.couplers) == ions * (ions - 1)
    assert {round(c.error, 9) for c in device.couplers} == {round(error, 9)}
    assert {round(c.gate_seconds, 12) for c in device.couplers} == {seconds}


def test_a_decay_time_that_is_not_stated_predicts_no_idle_noise():
    document = devices.document(devices.FORTE)
    del document["provider"]["timing"]["T2"]
    device = Capabilities(document).snapshot("ions")
    assert device.qubits[0].works
    assert device.qubits[0].t2_seconds > 1e6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["paradigm"].update(nativeGateSet=["prx", "xy"]), "no Clifford two-qubit gate"),
        (lambda d: d["paradigm"].pop("nativeGateSet"), "states no native gates"),
        (lambda d: d.pop("standardized"), "no calibration that can be read: .*try again later"),
        (
            lambda d: d["standardized"].pop("oneQubitProperties"),
            "no calibration that can be read: it lacks 'oneQubitProperties'",
        ),
    ],
)
def test_unusable_capabilities_say_why(change, message):
    document = devices.document(devices.GARNET)
    change(document)
    with pytest.raises(UnusableDevice, match=message):
        Capabilities(document).snapshot("garnet")


@pytest.mark.parametrize("arn", devices.PROCESSORS)
def test_a_snapshot_is_archived_and_read_again(arn, tmp_path):
    device = snapshot(arn)
    again = DeviceSnapshot.from_json(json.loads(device.to_json()))
    assert again == device
    assert (again.lacks, again.recompiles) == (device.lacks, device.recompiles)
    (tmp_path / "device.json").write_text(device.to_json(), encoding="utf-8")
    assert load_device(str(tmp_path / "device.json")) == device


def test_what_came_later_is_left_out_of_older_snapshots():
    kingston = load_device("fake_kingston")
    assert not {"lacks", "recompiles"} & json.loads(kingston.to_json()).keys()


def test_a_file_with_capabilities_is_a_device(tmp_path):
    file = tmp_path / "garnet.json"
    file.write_text(devices.garnet(), encoding="utf-8")
    assert load_device(str(file)).qubits == snapshot(devices.GARNET).qubits
    file.write_text('{"braketSchemaHeader": {"name": "x.device_capabilities"}}', encoding="utf-8")
    with pytest.raises(UnusableDevice, match="'garnet' states no native gates"):
        load_device(str(file))
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(UnknownDevice, match="no capabilities document of a Braket device"):
        load_device(str(file))


@pytest.mark.parametrize("entangler", ["iswap", "rxx", "rzz", "cz"])
def test_two_qubit_cliffords_take_the_fewest_entanglers(entangler):
    for seed in range(60):
        wanted = Operator(random_clifford(2, seed=seed).to_circuit())
        tableau = stim.Tableau.from_unitary_matrix(wanted.data, endian="little")
        circuit = shortest_circuit(tableau, entangler)
        assert Operator(circuit).equiv(wanted)
        assert circuit.count_ops().get(entangler, 0) <= 3
    # iSWAP makes itself of one where CZ needs two, and the other way round.
    itself = stim.Circuit("ISWAP 0 1").to_tableau()
    other = stim.Circuit("CZ 0 1").to_tableau()
    found = [shortest_circuit(t, entangler).count_ops().get(entangler, 0) for t in (itself, other)]
    assert found == ([1, 2] if entangler == "iswap" else [2, 1])


def compiled(arn, point, **options):
    device = snapshot(arn, **options)
    return compile_point(point.settings(), point.linear_estimator.value, device, [0])


@pytest.mark.parametrize("arn", [devices.GARNET, devices.ANKAA, devices.ARIA])
def test_compiled_circuits_are_proved_on_every_entangler(arn):
    result = compiled(arn, EntanglementPoint(Cloning(2, 1, "frame"), "parity"))
    assert {s.certificate.status for s in result.settings} == {"proved"}


def test_where_a_provider_may_compile_again_nothing_is_proved():
    result = compiled(devices.RECOMPILING, EntanglementPoint(Cloning(2, 1, "frame"), "bsm"))
    certificate = result.settings[0].certificate
    assert certificate.status == "unverified"
    assert "may change what it is sent" in certificate.remark


def test_feedforward_is_refused_naming_frame_unless_conditional_gates_are_wanted():
    point = EntanglementPoint(Cloning(2, 1, "feedforward"), "bsm")
    for arn in (devices.GARNET, devices.ANKAA, devices.FORTE):
        with pytest.raises(DoesNotFit, match="strategy 'frame' gives the same clone"):
            compiled(arn, point)
    with pytest.raises(DoesNotFit, match="strategy 'frame' gives the same clone"):
        compiled(devices.FORTE, point, conditional_gates=True)
    assert compiled(devices.GARNET, point, conditional_gates=True).predicted > 0.25


def test_a_readout_in_the_middle_is_refused_before_anything_is_compiled():
    (point,) = chsh_points([2], [1], ["unitary"], ["2-1"])
    with pytest.raises(DoesNotFit, match=r"measurement before the end .*'2-2'"):
        compiled(devices.FORTE, point)


def test_a_barrier_that_does_not_reach_the_device_keeps_nothing_waiting():
    without = snapshot(devices.GARNET)
    document = json.loads(without.to_json())
    document["lacks"] = [name for name in document["lacks"] if name != "barrier"]
    held = DeviceSnapshot.from_json(document)
    circuit = QuantumCircuit(3, 2)
    circuit.x(1)
    circuit.barrier()
    for _ in range(3):
        circuit.sx(2)
    circuit.measure([1, 2], [0, 1])

    def idle(device):
        return sum(sum(one.idle_seconds) for one in schedule(tuple(steps(circuit)), device))

    assert idle(without) == 0
    assert idle(held) == pytest.approx(3 * held.qubits[2].gate_seconds)
