"""Past calibrations of the emulated service: planned with, archived, verified."""

import copy
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from ibm_scene import SMALL

from runner.cli.commands import main
from tests.emulators.ibm.faults import Fault
from tests.emulators.ibm.server import Emulator
from tests.emulators.ibm.service import Service
from tests.emulators.ibm.settings import API_KEY, INSTANCE, Settings

NOW = datetime.now(UTC)
CONFIG = {
    "name": "past",
    "experiment": {"kind": "entanglement", "n": 2, "estimator": "parity"},
    "backend": {
        "provider": "ibm",
        "device": SMALL.name,
        "ibm": {"poll_seconds": 0.05, "listing_lag_seconds": 0.2},
    },
    "compile": {"seeds": 1},
    "shots": 200,
}


def calibrated(hours_ago, readout=1.0, broken=None):
    """The properties of the device as they were so many hours ago.

    Args:
        hours_ago: when it was calibrated.
        readout: factor on the errors of its readouts.
        broken: qubits of a coupler that did not work.
    """
    document = copy.deepcopy(SMALL.properties)
    document["last_update_date"] = (NOW - timedelta(hours=hours_ago)).isoformat()
    for qubit in document["qubits"]:
        for value in qubit:
            if value["name"] in ("readout_error", "prob_meas1_prep0", "prob_meas0_prep1"):
                value["value"] = min(0.5, value["value"] * readout)
    for gate in document["gates"]:
        if broken is not None and set(gate["qubits"]) == set(broken):
            for value in gate["parameters"]:
                if value["name"] == "gate_error":
                    value["value"] = 1.0
    return document


def device(*past):
    return replace(SMALL, properties=calibrated(1), past=past)


def date(hours_ago):
    return f"{NOW - timedelta(hours=hours_ago):%Y-%m-%d}"


class User:
    """Somebody in an empty folder with an account at the emulated service."""

    def __init__(self, emulator):
        self.service = emulator.service

    def __call__(self, *arguments, code=0):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == code, done.output
        return done

    def plan(self):
        return json.loads(self("plan", "c.yaml", "--json").stdout)

    def asked(self):
        """How often properties were asked for."""
        return self.service.calls("properties")


@pytest.fixture
def user(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ENCLONE_RUNS", "ENCLONE_STORE"):
        monkeypatch.delenv(name, raising=False)
    Path("c.yaml").write_text(json.dumps(CONFIG))
    made = []

    def make(one, **settings):
        emulator = Emulator(Service(None, (one,), Settings(**settings)))
        made.append(emulator)
        for name, value in emulator.environment(API_KEY, INSTANCE).items():
            monkeypatch.setenv(name, value)
        return User(emulator)

    yield make
    for emulator in made:
        emulator.close()


def interval(plan):
    (row,) = plan["rows"]
    return row["predicted_low"], row["predicted"], row["predicted_high"]


def test_the_interval_spans_the_calibrations_that_the_service_kept(user):
    alone = interval(user(device()).plan())
    bad = user(device(calibrated(26, readout=2.0), calibrated(60))).plan()
    assert bad["past_calibrations"] == {
        "dates": [date(26), date(60)],
        "left_out": {},
        "remark": "",
    }
    low, predicted, high = interval(bad)
    assert predicted == alone[1]
    assert low < alone[0]
    assert predicted <= high < alone[2]


def test_a_service_without_history_changes_nothing(user):
    # Days before the only calibration are asked for once: there is nothing older.
    me = user(device())
    plan = me.plan()
    asked = me.asked()
    assert "past_calibrations" not in plan
    # A calibration that has held for a week is the only one of that week.
    old = user(replace(SMALL, past=(calibrated(9000),)))
    same = old.plan()
    assert old.asked() == asked - 1
    assert interval(same) == interval(plan)
    assert "past_calibrations" not in same


def test_calls_are_few_and_no_calibration_is_asked_for_twice(user):
    me = user(device(*(calibrated(24 * days + 2) for days in range(1, 30))))
    assert len(me.plan()["past_calibrations"]["dates"]) == 7
    rare = user(device(calibrated(24 * 5)))
    assert rare.plan()["past_calibrations"]["dates"] == [date(24 * 5)]
    # The device of every day was asked for seven days; this one for the first and the sixth.
    assert rare.asked() == me.asked() - 5


def test_a_calibration_that_cannot_be_had_is_left_out_and_said_once(user):
    me = user(device(calibrated(26), calibrated(50)))
    me.plan()
    asked = me.asked()
    faults = [Fault("properties", "refused", first=asked - 2, status=400)]
    failing = user(device(calibrated(26), calibrated(50)), faults=faults)
    plan = failing.plan()
    found = plan["past_calibrations"]
    assert found["dates"] == [date(50)]
    assert found["remark"].startswith("past calibrations are missing for 1 of 7 days asked for")
    again = user(device(calibrated(26), calibrated(50)), faults=faults)
    text = again("plan", "c.yaml").stdout
    assert text.count("past calibrations are missing") == 1


def test_a_service_that_does_not_end_its_answer_holds_a_run_up_for_one_call(user, monkeypatch):
    me = user(device(calibrated(26), calibrated(50)))
    me.plan()
    faults = [Fault("properties", "accepted_drips", first=me.asked() - 1, times=99)]
    monkeypatch.setattr("backends.providers.ibm.device._PAST_CALL_SECONDS", 0.5)
    slow = user(device(calibrated(26), calibrated(50)), faults=faults)
    plan = slow.plan()
    assert plan["past_calibrations"]["dates"] == [date(26)]
    assert "within 0.5 s" in plan["past_calibrations"]["remark"]


def broken_history(service_plan):
    """A coupler that the planned circuit uses, and one day on which it did not work."""
    return device(calibrated(26, readout=1.5), calibrated(50, broken=service_plan))


@pytest.fixture
def run(user):
    """A run whose interval spans one past calibration; in another a coupler was broken."""
    pairs = [(0, 1), (1, 2), (1, 3), (3, 5), (4, 5), (5, 6)]
    for pair in pairs:
        me = user(broken_history(pair))
        if me.plan()["past_calibrations"]["left_out"]:
            break
    me("run", "c.yaml")
    (folder,) = Path("runs").glob("*-past")
    return me, folder


def test_a_run_is_verified_with_the_calibrations_that_it_archived(run, monkeypatch):
    me, folder = run
    names = sorted(one.name for one in (folder / "calibrations").iterdir())
    assert names == sorted(f"{date(hours)}.json" for hours in (26, 50))
    listed = (folder / "SHA256SUMS").read_text()
    assert all(f"  calibrations/{name}\n" in listed for name in names)
    provenance = json.loads((folder / "provenance.json").read_text())
    assert set(provenance["past_calibrations"]["left_out"].values()) == {1}
    report = (folder / "report.html").read_text()
    assert f"2 past ones ({date(26)}, {date(50)})" in report
    assert "1 of 2 past calibrations left out" in report
    assert "early readouts)" in report
    assert "in place of an assumed drift" in me("report", "latest").stdout
    # Nothing but the folder is needed.
    for name in ("TOKEN", "URL", "INSTANCE"):
        monkeypatch.delenv(f"QISKIT_IBM_{name}")
    shutil.move(folder, "elsewhere")
    found = json.loads(me("verify", "elsewhere", "--json").stdout)
    assert found["differences"] == []


def test_verify_finds_a_changed_calibration_and_a_missing_one(run):
    me, folder = run
    file = folder / "calibrations" / f"{date(26)}.json"
    sound = file.read_bytes()
    document = json.loads(sound)
    for qubit in document["qubits"]:
        qubit["readout_error"] /= 2
    file.write_text(json.dumps(document, sort_keys=True))
    found = json.loads(me("verify", "latest", "--json", code=1).stdout)["differences"]
    assert {one["file"] for one in found} >= {f"calibrations/{file.name}", "results.json"}
    assert any("predicted_low" in one["what"] for one in found)
    file.unlink()
    (found,) = json.loads(me("verify", "latest", "--json", code=1).stdout)["differences"]
    assert (found["file"], found["stored"]) == (f"calibrations/{file.name}", "is missing")
    file.write_bytes(sound)
    provenance = json.loads((folder / "provenance.json").read_text())
    provenance["past_calibrations"]["left_out"] = {}
    (folder / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")
    found = json.loads(me("verify", "latest", "--json", code=1).stdout)["differences"]
    assert any("past calibrations left out" in one["what"] for one in found)


def test_a_store_that_was_lost_gets_the_past_calibrations_back(run):
    me, folder = run
    before = {one: one.read_bytes() for one in folder.rglob("*") if one.suffix in (".json", ".csv")}
    (Path("runs") / "enclone.sqlite").unlink()
    me("adopt", str(folder))
    shutil.rmtree(folder)
    me("collect", "latest")
    names = ("calibrations", "results")
    stay = [one for one in before if one.parent.name in names or one.stem in names]
    assert len(stay) == 4
    assert {one: one.read_bytes() for one in stay} == {one: before[one] for one in stay}
    assert me("verify", "latest").stdout.endswith("no difference\n")
