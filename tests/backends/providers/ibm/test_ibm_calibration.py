"""A live device is read by the rules of every calibration: as its file would be.

QK = Qiskit/qiskit, RT = Qiskit/qiskit-ibm-runtime; the number is the issue.
"""

import copy
import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from ibm_scene import SMALL

from backends.devices.catalog import load_device
from backends.providers.ibm.adapter import open_ibm
from runner.cli.commands import main
from tests.emulators.ibm.devices import Device
from tests.emulators.ibm.server import Emulator
from tests.emulators.ibm.service import Service
from tests.emulators.ibm.settings import API_KEY, INSTANCE, Settings

CONFIG = {
    "name": "c",
    "experiment": {"kind": "entanglement", "n": 2, "estimator": "bsm"},
    "backend": {"provider": "ibm", "device": SMALL.name, "ibm": {"poll_seconds": 0.05}},
    "compile": {"seeds": 1},
    "shots": 100,
}


def changed(properties=None, configuration=None):
    """The emulated device with other documents."""
    documents = copy.deepcopy(SMALL.properties), copy.deepcopy(SMALL.configuration)
    for change, document in zip((properties, configuration), documents, strict=True):
        if change is not None:
            change(document)
    return Device(SMALL.name, documents[1], documents[0])


@pytest.fixture
def serve(monkeypatch, tmp_path):
    """Serves one device to whoever asks from an empty folder."""
    emulators = []

    def start(device):
        emulators.append(Emulator(Service(None, [device], Settings())))
        for name, value in emulators[-1].environment(API_KEY, INSTANCE).items():
            monkeypatch.setenv(name, value)
        return emulators[-1].service

    monkeypatch.chdir(tmp_path)
    yield start
    for one in emulators:
        one.close()


def enclone(*arguments, code=0, **changes):
    """A command on the configuration with changes."""
    Path("c.yaml").write_text(json.dumps({**CONFIG, **changes}), encoding="utf-8")
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == code, done.output
    return done


def value_of(properties, qubit, name):
    return next(one for one in properties["qubits"][qubit] if one["name"] == name)


def t1_of_null(properties):
    value_of(properties, 0, "T1")["value"] = None


def t1_in_fortnights(properties):
    value_of(properties, 0, "T1")["unit"] = "fortnights"


def errors_of_two(properties):
    for gate in properties["gates"]:
        if gate["qubits"] == [0]:
            gate["parameters"][0]["value"] = 2.0


def greek_units(properties):
    for qubit in properties["qubits"]:
        for one in qubit:
            one["unit"] = one["unit"].replace("us", "μs")


def no_date(properties):
    del properties["last_update_date"]


def dead_gate(properties):
    for gate in properties["gates"]:
        if gate["gate"] == "cx" and set(gate["qubits"]) == {0, 1}:
            gate["parameters"].append(
                {"name": "operational", "value": 0, "unit": "", "date": "2026-01-01T00:00:00Z"}
            )


def dead_qubit(properties):
    properties["qubits"][0].append(
        {"name": "operational", "value": 0, "unit": "", "date": "2026-01-01T00:00:00Z"}
    )


EVERY_FAULT = [t1_of_null, t1_in_fortnights, errors_of_two, greek_units, no_date]
DEAD = [dead_gate, dead_qubit]


@pytest.mark.parametrize("fault", [*EVERY_FAULT, *DEAD, None])
def test_a_live_device_and_its_file_are_the_same(fault, serve, tmp_path):
    """RT#464, QK#3735: what a live device states and what its file states was read differently."""
    device = changed(fault)
    serve(device)
    live = open_ibm(SMALL.name, {}).snapshot()
    file = tmp_path / "props.json"
    file.write_text(json.dumps(device.properties), encoding="utf-8")
    assert live == load_device(str(file))
    (tmp_path / "device.json").write_text(live.to_json(), encoding="utf-8")
    assert load_device(str(tmp_path / "device.json")) == live


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_the_same_calibration_is_the_same_wherever_the_machine_is(zone, serve, monkeypatch):
    """The date of a live calibration was that of the machine's time zone, and so its identity."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    serve(SMALL)
    try:
        live = open_ibm(SMALL.name, {}).snapshot()
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert live.calibrated_at == SMALL.properties["last_update_date"]
    assert live == SMALL.snapshot


@pytest.mark.parametrize("fault", [*EVERY_FAULT, *DEAD])
def test_a_run_leaves_out_what_does_not_work(fault, serve):
    """QK#5115, QK#4782, RT#792: a run was planned, stored and then refused, and never resumable."""
    serve(changed(fault))
    plan = json.loads(enclone("plan", "c.yaml", "--json").stdout)
    if fault not in (greek_units, no_date):
        assert any("1 of " in line and "unusable" in line for line in plan["calibration"])
    rows = json.loads(enclone("run", "c.yaml", "--json").stdout)
    assert rows[0]["value"] is not None
    enclone("verify", "latest")


def without(*instructions):
    def change(configuration):
        for key in ("supported_instructions", "basis_gates"):
            configuration[key] = [one for one in configuration[key] if one not in instructions]

    return change


def without_clock(configuration):
    del configuration["dt"]


STORAGE = {"kind": "storage", "n": 2, "idle_microseconds": [0, 2], "estimator": "parity"}
LOSS = {"kind": "storage", "n": 2, "lost": 1, "loss": "reset", "estimator": "parity"}


@pytest.mark.parametrize(
    ("change", "experiment", "missing"),
    [
        (without("reset"), LOSS, "needs a reset"),
        (without("delay"), STORAGE, "needs a delay"),
        (without_clock, STORAGE, "needs a delay"),
    ],
)
def test_what_a_device_cannot_run_is_said_when_planning(change, experiment, missing, serve):
    """RT#1564, RT#2535: no reset, no delay or no dt was planned, priced, and refused at sending."""
    service = serve(changed(None, change))
    for command in ("plan", "run"):
        done = enclone(command, "c.yaml", code=1, experiment=experiment)
        assert f"{missing}, which device 'ibm_lagos' does not offer" in done.output
    assert not service.jobs()
    enclone("run", "c.yaml")
