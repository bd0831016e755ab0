"""Calibration: unknown is unknown, wrong is wrong, and one bad value is one bad qubit.

Each case stands for a kind of fault that people reported in public; its docstring names the thread.
QK = Qiskit/qiskit, AER = Qiskit/qiskit-aer, QBP = qiskit-community/qiskit-braket-provider,
RT = Qiskit/qiskit-ibm-runtime.
"""

import copy
import json
import math

import braket_devices
import pytest
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

from backends.devices.braket_capabilities import Capabilities
from backends.devices.catalog import load_device
from backends.devices.snapshot import DeviceSnapshot
from backends.devices.stated import NOT_STATED_SECONDS
from backends.errors import UnknownDevice, UnusableDevice


def times(value, unit="us"):
    return {"value": value, "unit": unit}


def ibm_document(qubits=4):
    """A chain of qubits with cz in both directions."""

    def parameters(**values):
        return [
            {"name": name, **(stated if isinstance(stated, dict) else times(stated, ""))}
            for name, stated in values.items()
        ]

    gates = [
        {
            "gate": gate,
            "qubits": [k],
            "parameters": parameters(gate_error=2e-4, gate_length=times(32, "ns")),
        }
        for gate in ("sx", "x", "rz")
        for k in range(qubits)
    ]
    gates += [
        {
            "gate": "cz",
            "qubits": list(pair),
            "parameters": parameters(gate_error=2e-3, gate_length=times(68, "ns")),
        }
        for k in range(qubits - 1)
        for pair in ((k, k + 1), (k + 1, k))
    ]
    return {
        "backend_name": "ibm_chain",
        "last_update_date": "2026-01-02T03:04:05Z",
        "qubits": [
            parameters(
                T1=times(100.0),
                T2=times(80.0),
                readout_error=0.02,
                readout_length=times(1500, "ns"),
            )
            for _ in range(qubits)
        ],
        "gates": gates,
    }


def of_qubit(document, index, name):
    """A stated value of a qubit, to be changed."""
    return next(one for one in document["qubits"][index] if one["name"] == name)


def of_gate(document, gate, qubits, name):
    """A stated value of a gate, to be changed."""
    (found,) = (g for g in document["gates"] if (g["gate"], g["qubits"]) == (gate, list(qubits)))
    return next(one for one in found["parameters"] if one["name"] == name)


def mark(document, gate, qubits, operational):
    """State of a gate whether it is operational."""
    (found,) = (g for g in document["gates"] if (g["gate"], g["qubits"]) == (gate, list(qubits)))
    found["parameters"].append({"name": "operational", "value": operational, "unit": ""})


def read(document):
    return DeviceSnapshot.from_ibm_properties(document)


def broken(device):
    return {k for k, qubit in enumerate(device.qubits) if not qubit.works}


@pytest.mark.parametrize("unit", ["us", "µs", "μs", "US", " us "])
def test_microseconds_are_read_however_they_are_written(unit):
    """A calibration whose unit is spelt with the Greek letter was read as seconds."""
    document = ibm_document()
    of_qubit(document, 1, "T1")["unit"] = unit
    assert read(document).qubits[1].t1_seconds == pytest.approx(1e-4)
    garnet = braket_devices.document(braket_devices.GARNET)
    stated = garnet["standardized"]["oneQubitProperties"]["7"]["T1"]
    stated["unit"] = unit
    device = Capabilities(garnet).snapshot("garnet")
    assert device.qubits[7].t1_seconds == pytest.approx(stated["value"] * 1e-6)


WRONG_TIMES = [
    times(100.0, "fortnights"),
    times(100.0, None),
    times(100.0, ""),
    times("100"),
    times(True),
    times(-1.0),
    times(math.nan),
    times([1.0]),
    times(10**400),
]


@pytest.mark.parametrize("stated", WRONG_TIMES, ids=str)
@pytest.mark.parametrize("name", ["T1", "T2", "readout_length"])
def test_a_wrong_time_is_one_bad_qubit(name, stated):
    """AER#1818, RT#464: a time that cannot be read refused the whole device."""
    document = ibm_document()
    of_qubit(document, 2, name).update(stated)
    device = read(document)
    assert broken(device) == {2}
    assert device.largest_region == {0, 1}
    assert any("1 of 4 qubits" in line for line in device.remarks)


@pytest.mark.parametrize("stated", WRONG_TIMES, ids=str)
def test_a_wrong_length_of_a_gate_is_one_bad_qubit_or_coupler(stated):
    """AER#1818: a time that cannot be read refused the whole device."""
    document = ibm_document()
    of_gate(document, "sx", [3], "gate_length").update(stated)
    of_gate(document, "cz", [0, 1], "gate_length").update(stated)
    device = read(document)
    assert broken(device) == {3}
    assert set(device.working_couplers) == {(1, 0), (1, 2), (2, 1)}


@pytest.mark.parametrize("name", ["T1", "T2"])
def test_a_decay_time_of_null_counts_as_one_that_is_missing(name):
    """AER#1818, AER#1779: T1 of null refused the whole device with a TypeError's text."""
    document, without = ibm_document(), ibm_document()
    of_qubit(document, 0, name)["value"] = None
    without["qubits"][0] = [one for one in without["qubits"][0] if one["name"] != name]
    assert broken(read(document)) == {0}
    assert read(document) == read(without)
    assert f"1 of 4 qubits is unusable: no {name} (0)" in read(document).remarks[0]


@pytest.mark.parametrize("stated", [1.0, 1.5, 2.0, -0.5, math.nan, math.inf, "0.1", True, [], None])
def test_a_wrong_error_is_one_bad_qubit_or_coupler(stated):
    """QK#3735: gate errors of 1.0 and 2.0 are how a broken gate was reported."""
    document = ibm_document()
    of_gate(document, "sx", [3], "gate_error")["value"] = stated
    of_gate(document, "cz", [0, 1], "gate_error")["value"] = stated
    device = read(document)
    assert broken(device) == {3}
    assert (0, 1) not in device.working_couplers
    assert (1, 0) in device.working_couplers
    readout = ibm_document()
    of_qubit(readout, 3, "readout_error")["value"] = stated
    assert broken(read(readout)) == {3}


def test_what_is_archived_of_any_device_is_a_device_again(tmp_path):
    """QK#3735: a run archived an error of 2.0, and its own device.json was refused."""
    document = ibm_document()
    of_gate(document, "sx", [3], "gate_error")["value"] = 2.0
    device = read(document)
    file = tmp_path / "device.json"
    file.write_text(device.to_json(), encoding="utf-8")
    assert load_device(str(file)) == device
    archived = json.loads(device.to_json())
    archived["qubits"][3]["gate_error"] = 2.0
    archived["qubits"][1]["t1_seconds"] = None
    file.write_text(json.dumps(archived), encoding="utf-8")
    assert broken(load_device(str(file))) == {1, 3}


def test_a_fidelity_a_hair_above_one_is_clipped():
    """A fidelity of 1.0004, as estimates of good gates give, refused the whole device."""
    document = braket_devices.document(braket_devices.GARNET)
    document["standardized"]["oneQubitProperties"]["4"]["oneQubitFidelity"][0]["fidelity"] = 1.0004
    device = Capabilities(document).snapshot("garnet")
    assert device.qubits[4].works
    assert device.qubits[4].gate_error == 0
    assert device.remarks == ("calibration: 1 value is clipped: gate error of 4",)


def test_a_decay_time_of_null_is_not_one_of_a_thousand_years():
    """QBP#271, QBP#251: IQM's documents lack values; T1 of null counted as 1e9 s."""
    document = braket_devices.document(braket_devices.GARNET)
    document["standardized"]["oneQubitProperties"]["4"]["T1"] = None
    device = Capabilities(document).snapshot("garnet")
    assert not device.qubits[4].works
    assert device.qubits[5].works
    del document["standardized"]["oneQubitProperties"]["4"]["T1"]
    assert Capabilities(document).snapshot("garnet") == device


def test_a_decay_time_that_no_qubit_states_is_said_to_be_unknown():
    """QBP#271: what a vendor does not state of any qubit is unknown, and is said."""
    document = ibm_document()
    for qubit in document["qubits"]:
        qubit[:] = [one for one in qubit if one["name"] != "T1"]
    garnet = braket_devices.document(braket_devices.GARNET)
    for stated in garnet["standardized"]["oneQubitProperties"].values():
        stated["T1"] = None
    forte = braket_devices.document(braket_devices.FORTE)
    del forte["provider"]["timing"]["T1"]
    for device in (
        read(document),
        Capabilities(garnet).snapshot("garnet"),
        Capabilities(forte).snapshot("forte"),
    ):
        working = [qubit for qubit in device.qubits if qubit.works]
        assert working
        assert {qubit.t1_seconds for qubit in working} == {NOT_STATED_SECONDS}
        assert {qubit.t2_seconds for qubit in working} != {NOT_STATED_SECONDS}
        assert (
            "calibration: T1 is not stated of any qubit, and counts as infinite" in device.remarks
        )


def test_an_infinite_decay_time_can_be_archived():
    """An infinite T1, as simulators state it, made a device.json that is no JSON."""
    target = Target(num_qubits=2, qubit_properties=[QubitProperties(math.inf, 1e-4)] * 2)
    from qiskit.circuit import Measure
    from qiskit.circuit.library import CZGate, RZGate, SXGate

    for gate in (SXGate(), RZGate(0.1), Measure()):
        target.add_instruction(gate, {(k,): InstructionProperties(error=1e-3) for k in (0, 1)})
    target.add_instruction(CZGate(), {(0, 1): InstructionProperties(error=math.nan), (1, 0): None})
    device = DeviceSnapshot.from_target(target, "simulated")
    assert device.qubits[0].t1_seconds == NOT_STATED_SECONDS
    assert list(device.working_couplers) == [(1, 0)]
    json.loads(device.to_json(), parse_constant=pytest.fail)


@pytest.mark.parametrize("off", [0, 0.0, False, "no", 2])
def test_what_is_not_operational_is_left_out(off):
    """QK#5115, QK#4782, RT#792: flags that a gate or qubit is not operational were ignored."""
    document = ibm_document(6)
    mark(document, "cz", [4, 5], off)
    mark(document, "cz", [5, 4], off)
    mark(document, "rz", [0], off)
    device = read(document)
    assert broken(device) == {0}
    assert device.largest_region == {1, 2, 3, 4}
    document["qubits"][2].append({"name": "operational", "value": off, "unit": ""})
    assert broken(read(document)) == {0, 2}
    assert any("not operational" in line for line in read(document).remarks)


@pytest.mark.parametrize("on", [1, 1.0, True, None])
def test_what_is_operational_is_used(on):
    """QK#5115: a flag that says that a gate works changes nothing."""
    document = ibm_document()
    mark(document, "cz", [0, 1], on)
    assert read(document) == read(ibm_document())
    assert read(document).remarks == ()


def test_a_pair_that_the_connectivity_graph_lacks_is_left_out():
    """QK#5115 (akin): a pair with a fidelity that the graph of the device does not have."""
    document = braket_devices.document(braket_devices.GARNET)
    graph = document["paradigm"]["connectivity"]["connectivityGraph"]
    assert "2" in graph["1"]
    graph["1"].remove("2")
    device = Capabilities(document).snapshot("garnet")
    assert not {(1, 2), (2, 1)} & device.working_couplers.keys()
    assert (1, 6) in device.working_couplers


@pytest.mark.parametrize("date", [None, "", "yesterday", 20260102, ["2026-01-02"]])
def test_a_date_that_is_missing_or_none_is_unknown(date):
    """A calibration without a date was refused with a KeyError's text."""
    document = ibm_document()
    document["last_update_date"] = date
    assert read(document).calibrated_at is None
    del document["last_update_date"]
    assert read(document).calibrated_at is None
    garnet = braket_devices.document(braket_devices.GARNET)
    garnet["service"]["updatedAt"] = date
    assert Capabilities(garnet).snapshot("garnet").calibrated_at is None


def test_a_byte_order_mark_does_no_harm(tmp_path):
    """A calibration file with a byte order mark was no JSON, though configurations may have one."""
    file = tmp_path / "props.json"
    file.write_text(json.dumps(ibm_document()), encoding="utf-8-sig")
    assert load_device(str(file)) == read(ibm_document())


@pytest.mark.parametrize(
    "entry",
    [
        None,
        3,
        {"gate": "cz"},
        {"gate": "cz", "qubits": None, "parameters": []},
        {"gate": "cz", "qubits": [0, 4], "parameters": []},
        {"gate": "cz", "qubits": [0, -1], "parameters": []},
        {"gate": "cz", "qubits": [1, 1], "parameters": []},
        {"gate": "cz", "qubits": [0, 1, 2], "parameters": []},
        {"gate": "cz", "qubits": [0.0, 1.0], "parameters": []},
        {"gate": "cz", "qubits": ["0", "1"], "parameters": []},
        {"gate": None, "qubits": [0, 1], "parameters": []},
    ],
    ids=str,
)
def test_a_gate_that_cannot_be_read_costs_nothing_else(entry):
    """One odd entry in a list of thousands refused the whole device."""
    document = ibm_document()
    document["gates"].append(entry)
    device = read(document)
    assert device == read(ibm_document())
    assert device.remarks == (
        f"calibration: 1 entry cannot be read: gates[{len(document['gates']) - 1}]",
    )


@pytest.mark.parametrize("entry", [None, 3, {}, [], [None], [3]], ids=str)
def test_a_qubit_that_cannot_be_read_is_one_bad_qubit(entry):
    """One odd entry among the qubits refused the whole device."""
    document = ibm_document()
    document["qubits"][2] = entry
    assert broken(read(document)) == {2}


@pytest.mark.parametrize("label", ["-1", "x", "", "10000000", "1.5", "²"])
def test_a_label_that_is_no_number_costs_nothing_else(label):
    """Labels of qubits are text in the capabilities of Braket devices."""
    document = braket_devices.document(braket_devices.GARNET)
    sound = Capabilities(copy.deepcopy(document)).snapshot("garnet")
    properties = document["standardized"]
    properties["oneQubitProperties"][label] = properties["oneQubitProperties"]["4"]
    properties["twoQubitProperties"][f"4-{label}"] = properties["twoQubitProperties"]["4-5"]
    device = Capabilities(document).snapshot("garnet")
    assert device == sound
    assert "2 entries cannot be read" in device.remarks[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(qubits=None),
        lambda d: d.update(qubits=[]),
        lambda d: d.update(qubits={}),
        lambda d: d.update(gates=None),
        lambda d: d.update(gates="cz"),
        lambda d: d.update(backend_name=None),
    ],
)
def test_a_file_without_qubits_or_gates_says_so(change, tmp_path):
    """What is no calibration at all is refused in words, not in those of an exception."""
    document = ibm_document()
    change(document)
    file = tmp_path / "props.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(UnknownDevice, match=r"no list of|is no text") as caught:
        load_device(str(file))
    assert "Error:" not in str(caught.value)


@pytest.mark.parametrize("count", [0, -1, 10**9, 2.5, "36", None, True])
def test_a_number_of_qubits_that_cannot_be_meant_is_refused_at_once(count):
    """A number of qubits in a document decides how much memory is taken."""
    document = braket_devices.document(braket_devices.FORTE)
    document["paradigm"]["qubitCount"] = count
    with pytest.raises(UnusableDevice, match="'qubitCount'"):
        Capabilities(document).snapshot("forte")


def test_a_packaged_device_offers_what_its_configuration_says():
    """RT#1564, RT#2535: what a device cannot run stands in its configuration."""
    assert load_device("fake_berlin").lacks == ("reset",)
    assert not load_device("fake_berlin").dynamic_circuits
    assert load_device("fake_burlington").lacks == ("delay",)
    assert load_device("fake_kingston").lacks == ()


def test_remarks_are_no_part_of_a_snapshot_that_is_kept():
    """What a reader says of a document must not change its identity."""
    kingston = load_device("fake_kingston")
    assert kingston.remarks
    assert "remarks" not in json.loads(kingston.to_json())
    again = DeviceSnapshot.from_json(json.loads(kingston.to_json()))
    assert again == kingston
