"""Runs on the emulated service by the command line."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from ibm_scene import FEZ, KINGSTON, SMALL

from backends.simulation.readout_calibration import ReadoutCalibration, readout_of
from runner.cli.commands import main
from tests.emulators.ibm.faults import Fault
from tests.emulators.ibm.server import Emulator
from tests.emulators.ibm.service import Service
from tests.emulators.ibm.settings import API_KEY, INSTANCE, Settings

SCRIPT = Path(sys.executable).with_name("enclone")
OTHER = INSTANCE.replace("1111-1111", "2222-2222")
CONFIG = {
    "name": "c",
    "experiment": {"kind": "entanglement", "n": 2, "estimator": ["bsm", "parity"]},
    "backend": {
        "provider": "ibm",
        "device": SMALL.name,
        "ibm": {"poll_seconds": 0.05, "listing_lag_seconds": 0.2},
    },
    "compile": {"seeds": 1},
    "shots": 200,
}


class User:
    """Somebody in an empty folder with an account at the emulated service."""

    def __init__(self, place, environment, service):
        self.place = place
        self.service = service
        self.environment = environment
        self.emulator = Emulator(service)
        for name, value in self.emulator.environment(API_KEY, INSTANCE).items():
            environment.setenv(name, value)
        self.configure()

    def configure(self, **ibm):
        backend = {**CONFIG["backend"], "ibm": {**CONFIG["backend"]["ibm"], **ibm}}
        # JSON is YAML.
        (self.place / "c.yaml").write_text(json.dumps({**CONFIG, "backend": backend}))

    def __call__(self, *arguments, code=0):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == code, done.output
        assert API_KEY not in done.output
        return done

    def in_a_process_of_its_own(self, *arguments):
        done = subprocess.run(
            [SCRIPT, *arguments], cwd=self.place, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert API_KEY not in done.stdout + done.stderr
        return done

    def document(self, run, name):
        return json.loads((self.place / "runs" / run / name).read_text())


@pytest.fixture
def user(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ENCLONE_RUNS", "ENCLONE_STORE"):
        monkeypatch.delenv(name, raising=False)
    made = []

    def make(devices=(SMALL, KINGSTON, FEZ), state=None, **settings):
        made.append(User(tmp_path, monkeypatch, Service(state, devices, Settings(**settings))))
        return made[-1]

    yield make
    for one in made:
        one.emulator.close()


def test_plan_run_report(user):
    me = user(consumed_seconds=60.0)
    plan = json.loads(me("plan", "c.yaml", "--json").stdout)
    assert me.service.jobs() == []
    assert (plan["forecast"]["jobs"], plan["forecast"]["circuits"]) == (1, 4)
    assert any("60 of 600 s used, 540 s left" in line for line in plan["forecast"]["assumptions"])
    done = me.in_a_process_of_its_own("run", "c.yaml", "--json")
    rows = json.loads(done.stdout)
    (job,) = me.service.jobs()
    assert [row["jobs"] for row in rows] == [[job.id]] * 2
    assert {row["backend"] for row in rows} == {"ibm"}
    assert {row["device"] for row in rows} == {SMALL.name}
    assert all(row["certificate"] == "proved" for row in rows)
    assert "before: instance 'emulated' (plan open): 60 of 600 s used" in done.stderr
    assert f"{60 + job.seconds:g} of 600 s used" in done.stderr
    (run,) = (p.name for p in (me.place / "runs").glob("*-c"))
    cost = me.document(run, "provenance.json")["cost"]
    assert cost["billed"]["qpu_seconds"] == pytest.approx(job.seconds)
    assert cost["forecast"]["qpu_seconds"] == pytest.approx(job.seconds, rel=0.05)
    assert cost["forecast"]["qpu_seconds"] == pytest.approx(plan["forecast"]["qpu_seconds"])
    snapshot = me.document(run, "device.json")
    assert (snapshot["name"], len(snapshot["qubits"])) == (SMALL.name, 7)
    assert me.document(run, "resolved.json")["backend"]["ibm"]["instance"] == INSTANCE


def test_the_least_busy_device_is_chosen_once(user):
    # Seven qubits are enough for the experiment, but the constraint asks for more.
    me = user(devices=(SMALL, replace(KINGSTON, queue_length=2), FEZ), queue_seconds=3600.0)
    choice = ("-o", "backend.device=least_busy", "-o", "backend.ibm.least_busy.min_qubits=100")
    me("submit", "c.yaml", *choice)
    (job,) = me.service.jobs()
    assert job.backend == KINGSTON.name
    # Now another is less busy; the run stays where its circuits were compiled for.
    me.service.devices[FEZ.name] = replace(FEZ, queue_length=0)
    me.service.settings.queue_seconds = 0.0
    resumed = json.loads(me("resume", "--json").stdout)
    assert {row["device"] for row in resumed} == {KINGSTON.name}
    assert len(me.service.jobs()) == 1


def test_a_run_stays_in_the_instance_that_it_began_in(user):
    me = user(faults=[Fault("submit", "accepted_dropped")])
    me.environment.delenv("QISKIT_IBM_INSTANCE")
    me("submit", "c.yaml", code=3)
    assert len(me.service.jobs()) == 1
    # A second instance that would be chosen now, and knows nothing of the job.
    me.service.settings.instances = {OTHER: "another", **me.service.settings.instances}
    me("resume")
    (job,) = me.service.jobs()
    assert me.service._row(job.id)["instance"] == INSTANCE


def test_killed_while_the_service_makes_the_job(user):
    me = user(faults=[Fault("submit", "accepted_hangs")])
    killed = subprocess.Popen(
        [SCRIPT, "run", "c.yaml"], cwd=me.place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    for _ in range(600):
        if me.service.jobs():
            break
        time.sleep(0.1)
    killed.kill()
    killed.communicate()
    assert len(me.service.jobs()) == 1
    resumed = me("resume")
    assert "the provider has it as job" in resumed.stderr
    assert [job.state for job in me.service.jobs()] == ["Completed"]


@pytest.mark.parametrize(("mode", "named"), [("batch", "batch"), ("session", "dedicated")])
def test_jobs_of_a_batch_or_session(user, mode, named):
    me = user()
    me.configure(mode=mode, circuits_per_job=2, most_session_seconds=900)
    me("run", "c.yaml")
    (session,) = me.service.sessions()
    assert (session["mode"], session["max_ttl"]) == (named, 900)
    assert [job.session for job in me.service.jobs()] == [session["id"]] * 2
    assert session["accepting_jobs"] is False, "left open, a session would be billed"


def test_options_arrive(user):
    me = user()
    me.configure(
        tags=["mine", "paper-2"],
        rep_delay_seconds=4e-4,
        init_qubits=False,
        max_execution_seconds=30,
    )
    me("run", "c.yaml")
    (job,) = me.service.jobs()
    assert job.tags[1:] == ("mine", "paper-2")
    assert job.cost == 30
    options = json.loads(me.service._row(job.id)["params"])["options"]
    assert (options["rep_delay"], options["init_qubits"]) == (4e-4, False)
    assert job.seconds > 2 + 4 * 200 * 4e-4


def test_mitigation_runs_in_the_same_job_and_stands_beside_the_measured_value(user):
    me = user()
    mitigated = ("-o", "suppression.readout_mitigation=mthree", "-o", "repeats=2")
    rows = json.loads(me("run", "c.yaml", "--json", *mitigated, "-o", "shots=2000").stdout)
    (job,) = me.service.jobs()
    (run,) = (me.place / "runs").glob("*-c")
    # Two calibration circuits for each repeat, beside 1 + 3 settings.
    assert len(list((run / "counts").glob("*.npz"))) == 2 * (2 + 4)
    assert len(list((run / "counts").glob("readout-*.npz"))) == 4
    for row in rows:
        assert row["value"] < row["mitigated"] < row["value"] + 0.2
        assert 0 < row["mitigated_err"] < 0.05
        assert row["jobs"] == [job.id]
    assert "mitigated: the same counts" in me("report").stdout
    me("export", "--counts", "--format", "json", "--to", str(me.place / "counts.json"))
    lines = json.loads((me.place / "counts.json").read_text(encoding="utf-8"))["rows"]
    assert sum(line["count"] for line in lines if "readout" in line["circuit"]) == 4 * 2000
    found = json.loads(me("verify", "--json").stdout)
    assert (found["differences"], found["checked"]["counts"]) == ([], 12)
    plain = json.loads(me("run", "c.yaml", "--json").stdout)
    assert {row["mitigated"] for row in plain} == {None}


def test_a_calibration_that_tells_nothing_is_told_and_loses_no_value(user, monkeypatch):
    def useless(circuit, zeros, ones):
        wrong = dict.fromkeys(readout_of(circuit).values(), (0.5, 0.5))
        return ReadoutCalibration(wrong, zeros.num_shots)

    monkeypatch.setattr(ReadoutCalibration, "of", useless)
    me = user()
    mitigated = ("-o", "suppression.readout_mitigation=mthree", "-o", "shots=500")
    done = me("run", "c.yaml", "--json", *mitigated, code=4)
    rows = json.loads(done.stdout)
    assert all(row["value"] is not None and row["mitigated"] is None for row in rows)
    assert all("reads 1 in 50.0% of 500 shots" in row["not_mitigated"] for row in rows)
    assert "points have no mitigated value, beside the value as measured: qubit" in done.stderr
    assert "not mitigated: qubit" in me("report").stdout
    assert json.loads(me("verify", "--json").stdout)["differences"] == []


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"max_execution_seconds": 1}, "would cancel it after"),
        ({"rep_delay_seconds": 5.0}, "waits 0 to 0.0005 s between shots"),
    ],
)
def test_what_could_only_fail_is_not_sent(user, option, words):
    me = user()
    me.configure(**option)
    assert words in me("run", "c.yaml", code=1).stderr
    assert me.service.jobs() == []


def test_a_plan_with_too_little_time_is_said_before_anything_is_sent(user):
    me = user(consumed_seconds=598.5)
    said = me("run", "c.yaml", code=1).stderr
    assert "the plan has too little time: 598.5 of 600 s used, 1.5 s left, but 2 s" in said
    assert not list((me.place / "runs").glob("*-c"))


def test_the_service_remembers_when_it_is_started_again(user, tmp_path):
    state = tmp_path / "service.sqlite"
    first = user(devices=[SMALL], state=state, queue_seconds=3600.0)
    first("submit", "c.yaml")
    first.emulator.close()
    second = user(devices=[SMALL], state=state)
    second("resume")
    assert [job.state for job in second.service.jobs()] == ["Completed"]


def test_the_emulator_starts_by_hand():
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.emulators.ibm", "--port", "0", "--device", SMALL.name],
        cwd=SCRIPT.parents[2], stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        exports = dict(
            server.stdout.readline().removeprefix("export ").strip().split("=", 1) for _ in range(6)
        )
        environment = {**os.environ, **{k: v.strip("'") for k, v in exports.items()}}
        shown = subprocess.run(
            [SCRIPT, "devices", "--ibm", "--json"],
            env=environment, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert [one["name"] for one in json.loads(shown.stdout)] == [SMALL.name]
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


# --- reading needs only what reading needs


def _retired(user):
    """A run that was submitted, whose device has run it and left."""
    user("submit", "c.yaml", "-o", "backend.ibm.poll_seconds=0")
    for job in user.service.jobs():
        user.service.job(job.id)
    del user.service.devices[SMALL.name]


@pytest.mark.parametrize("command", ["collect", "resume", "watch"])
def test_results_of_a_retired_device_are_fetched(user, command):
    """RT#3012, RT#3020, PR#837: 'the instance has no device', although the client gives counts."""
    me = user()
    _retired(me)
    done = me(command)
    assert "no device" not in done.stderr


def test_a_run_on_a_retired_device_is_cancelled_and_adopted(user):
    """RT#3012."""
    me = user()
    _retired(me)
    me("adopt", "latest")
    me("cancel", "latest")


def test_a_configuration_that_cannot_be_read_is_told_as_such(user):
    """RT#1924, RT#190: "no device 'ibm_x'; its devices: ibm_x"."""
    me = user(faults=[Fault("configuration", "refused", times=99, status=404)])
    done = me("plan", "c.yaml", code=1)
    assert "reading the configuration of 'ibm_lagos'" in done.stderr
    assert "did you mean" not in done.stderr


@pytest.mark.parametrize("command", ["resume", "collect", "watch"])
def test_a_run_that_is_over_needs_no_network(user, command):
    me = user()
    me("run", "c.yaml")
    me.environment.setenv("QISKIT_IBM_URL", "http://experimental@127.0.0.1:9/api/v1")
    me.environment.setenv("IAM_URL", "http://127.0.0.1:9")
    me(command)


def test_a_device_in_maintenance_with_an_empty_queue_is_not_chosen(user):
    """RT#2411, PQ#886."""
    quiet = replace(SMALL, status="maintenance", queue_length=0)
    me = user(devices=(quiet, FEZ))
    planned = me("plan", "c.yaml", "-o", "backend.device=least_busy", "--json")
    assert json.loads(planned.stdout)["rows"][0]["device"] != SMALL.name
