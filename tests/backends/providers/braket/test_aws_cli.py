"""Amazon Braket from the command line, as a user calls it."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import braket_devices as devices
import pytest
from braket_emulator import EXPIRED_KEY, SECRET
from click.testing import CliRunner

from runner.analysis.verification import verify
from runner.cli.commands import main

SCRIPT = Path(sys.executable).with_name("enclone")
EXPERIMENT = {
    "kind": "entanglement",
    "n": 2,
    "decrypt": {"strategy": "frame"},
    "estimator": ["bsm", "parity"],
}
GARNET = {"provider": "braket", "device": "iqm/garnet"}


@pytest.fixture
def cli(emulator, tmp_path, monkeypatch):
    """The command inside this process; a configuration stands in ``c.yaml``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENCLONE_RUNS", raising=False)
    monkeypatch.delenv("ENCLONE_STORE", raising=False)

    def call(*arguments, backend=GARNET, **changes):
        document = {
            "name": "t",
            "experiment": EXPERIMENT,
            "backend": backend,
            "compile": {"seeds": 1},
            "shots": 400,
            "seed": 3,
            **changes,
        }
        (tmp_path / "c.yaml").write_text(json.dumps(document), encoding="utf-8")
        return CliRunner().invoke(main, arguments)

    return call


def test_a_run_as_a_user_calls_it(emulator, tmp_path):
    document = {"experiment": EXPERIMENT, "backend": GARNET, "shots": 200, "compile": {"seeds": 1}}
    (tmp_path / "c.yaml").write_text(json.dumps(document), encoding="utf-8")
    done = subprocess.run(
        [str(SCRIPT), "run", "c.yaml", "--json"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("ENCLONE_")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    rows = json.loads(done.stdout)
    assert {(row["backend"], row["device"], row["certificate"]) for row in rows} == {
        ("braket", "garnet", "proved")
    }
    assert {job for row in rows for job in row["jobs"]} == set(emulator.service.tasks)
    # Four circuits in one program set: one fee.
    assert "1 job sent, forecast 0 QPU s and 1.46 USD, billed 0 QPU s and 1.46 USD" in done.stderr
    (folder,) = (tmp_path / "runs").glob("2*")
    assert json.loads((folder / "device.json").read_text())["name"] == "iqm/Garnet"
    for file in folder.rglob("*"):
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()
    assert SECRET.encode() not in (tmp_path / "runs" / "enclone.sqlite").read_bytes()
    assert verify(folder).differences == []


def test_the_backend_line_alone_changes_and_the_runs_are_compared(cli, tmp_path):
    (tmp_path / "garnet.json").write_text(devices.garnet(), encoding="utf-8")
    backends = [
        {"provider": "stim", "device": "garnet.json"},
        {"provider": "braket-local", "device": "garnet.json"},
        GARNET,
    ]
    names = []
    for backend in backends:
        done = cli("run", "c.yaml", backend=backend, name=backend["provider"])
        assert done.exit_code == 0, done.output
        (name,) = [
            p.name
            for p in (tmp_path / "runs").iterdir()
            if p.name.endswith(f"-{backend['provider']}")
        ]
        names.append(name)
    compared = cli("compare", *names)
    assert compared.exit_code == 0, compared.output
    lines = compared.stdout.splitlines()
    assert lines[0].split()[:4] == ["n", "clone", "strategy", "estimator"]
    assert lines[0].endswith("difference to (1)")
    # Two points, three lines each; nothing is cut off.
    assert [line.split("(")[1][0] for line in lines[1:7]] == ["1", "2", "3"] * 2
    assert "…" not in compared.stdout
    assert [line.split("provider ")[1] for line in lines if "provider " in line] == [
        "stim, device garnet.json",
        "braket-local, device garnet.json",
        "braket, device garnet",
    ]
    document = json.loads(cli("compare", *names, "--json").stdout)
    assert document["runs"] == names
    assert len(document["points"]) == 2
    for point in document["points"]:
        # One circuit, one device: one prediction.
        assert len({row["predicted"] for row in point["rows"]}) == 1
        for row, difference in zip(point["rows"][1:], point["differences"], strict=True):
            first = point["rows"][0]
            assert difference["value"] == pytest.approx(row["value"] - first["value"])
            variance = row["std_err"] ** 2 + first["std_err"] ** 2
            assert difference["std_err"] ** 2 == pytest.approx(variance)
            assert abs(difference["sigmas"]) < 4.5
    alone = cli("compare", names[0])
    assert (alone.exit_code, "name two runs at least" in alone.output) == (2, True)


def test_runs_without_a_common_point_are_not_compared(cli, tmp_path):
    for name, n in (("a", 2), ("b", 3)):
        experiment = {**EXPERIMENT, "n": n, "estimator": "bsm"}
        backend = {"provider": "stim", "device": "ideal"}
        assert (
            cli("run", "c.yaml", backend=backend, name=name, experiment=experiment).exit_code == 0
        )
    names = sorted(p.name for p in (tmp_path / "runs").glob("2*"))
    done = cli("compare", *names)
    assert done.exit_code == 1
    assert "have no point in common" in done.output


def test_a_plan_costs_nothing_and_says_what_the_run_would_cost(cli, emulator):
    done = cli("plan", "c.yaml")
    assert done.exit_code == 0, done.output
    assert "4 circuits in 1 job, 1,600 shots" in done.stdout
    assert "billed: 0 QPU seconds, 2.62 USD (0.3 for jobs, 2.32 for shots)" in done.stdout
    assert "by the price list of 2026-11-02" in done.stdout
    assert emulator.service.made() == []


def last_line(done):
    lines = [line for line in done.output.splitlines() if line and "━" not in line]
    assert "Traceback" not in done.output
    assert SECRET not in done.output
    return lines[-1]


def no_credentials(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


def expired(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", EXPIRED_KEY)


def nothing(monkeypatch):
    pass


def tomorrow_only(monkeypatch):
    """Garnet's window is over, or not yet begun, at every time of this day."""
    day = datetime.now(UTC) + timedelta(days=2)
    document = devices.document(devices.GARNET)
    document["service"]["executionWindows"] = [
        {
            "executionDay": f"{day:%A}",
            "windowStartHour": "10:00:00",
            "windowEndHour": "11:00:00",
        }
    ]
    monkeypatch.setattr("braket_service.capabilities", lambda arn: json.dumps(document))


@pytest.mark.parametrize(
    ("change", "given", "code", "words"),
    [
        (no_credentials, {}, 1, "Unable to locate credentials; set up credentials"),
        (expired, {}, 1, "the AWS session has expired; set up credentials"),
        (
            nothing,
            {"backend": {**GARNET, "braket": {"region": "us-west-1"}}},
            1,
            "is in region eu-north-1, but 'backend.braket.region' is us-west-1; leave",
        ),
        (
            nothing,
            {"backend": {"provider": "braket", "device": "ankaa-2"}},
            1,
            "device 'rigetti/Ankaa-2' is retired; choose one that is in service",
        ),
        (
            nothing,
            {"backend": {"provider": "braket", "device": "granite"}},
            1,
            "no device of Amazon",
        ),
        (
            tomorrow_only,
            {},
            1,
            "outside the execution windows of device 'iqm/Garnet'; the next opens",
        ),
        (
            nothing,
            {"shots": 30_000},
            1,
            "30,000 shots in one circuit, but the provider takes at most",
        ),
        (
            nothing,
            {"budget": {"usd": 1}},
            5,
            "the plan needs 2.62 USD, but budget.usd allows 1 USD",
        ),
        (
            nothing,
            {"backend": {**GARNET, "braket": {"s3": "my-bucket"}}},
            2,
            "only into buckets whose name begins with 'amazon-braket-'",
        ),
        (
            nothing,
            {"backend": {"provider": "braket"}},
            2,
            "is no device of Amazon Braket; give an ARN",
        ),
        (
            nothing,
            {"experiment": {**EXPERIMENT, "decrypt": {"strategy": "feedforward"}}},
            2,
            "'frame' gives the same clone up to a known Pauli on every device",
        ),
        (
            nothing,
            {
                "backend": {**GARNET, "braket": {"without_prices": True}},
                "budget": {"usd": 1},
            },
            2,
            "'budget.usd' cannot be kept while 'backend.braket.without_prices' is true",
        ),
        (
            nothing,
            {"backend": {"provider": "stim", "device": "ideal", "braket": {}}},
            2,
            "leave it out, or set provider: braket",
        ),
        (
            nothing,
            {"backend": {**GARNET, "braket": {"outside": "queue"}}},
            2,
            "unknown key 'backend.braket.outside'; did you mean 'outside_window'?",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_sent(
    cli, emulator, monkeypatch, change, given, code, words
):
    change(monkeypatch)
    done = cli("run", "c.yaml", **given)
    assert done.exit_code == code, done.output
    assert words in last_line(done)
    assert emulator.service.calls["CreateQuantumTask"] == 0


def test_a_run_goes_on_when_the_window_opens(cli, emulator, monkeypatch):
    with pytest.MonkeyPatch.context() as patch:
        tomorrow_only(patch)
        assert cli("run", "c.yaml").exit_code == 1
    done = cli("resume")
    assert done.exit_code == 0, done.output
    assert len(emulator.service.paid()) == 1


def test_devices_are_listed_and_saved_to_be_simulated(cli, tmp_path):
    done = cli("devices", "--braket", "--save", "caps")
    assert done.exit_code == 0, done.output
    listed = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert sorted(listed) == sorted(
        [
            "iqm/Garnet",
            "aqt/Ibex-Q1",
            "iqm/Emerald",
            "ionq/Forte-1",
            "ionq/Aria-1",
            "rigetti/Ankaa-3",
        ]
    )
    backend = {"provider": "braket-local", "device": "caps/forte-1.json"}
    planned = cli("validate", "c.yaml", backend=backend)
    assert planned.exit_code == 0, planned.output
    listed = json.loads(cli("devices", "--braket", "--json").stdout)
    assert {one["qubits"] for one in listed if one["name"].startswith("ionq")} == {36, 25}
    assert cli("devices", "--save", "caps").exit_code == 2


def test_the_configurations_of_every_vendor_are_good(cli):
    folder = Path(__file__).parents[4] / "configs" / "braket"
    files = sorted(str(path) for path in folder.glob("*.yaml"))
    assert [Path(file).stem for file in files] == ["aqt", "ionq", "iqm", "local", "rigetti"]
    done = cli("validate", *files)
    assert done.exit_code == 0, done.output


def test_the_doctor_looks_at_aws(cli, monkeypatch):
    def finding():
        return next(
            f for f in json.loads(cli("doctor", "--json").stdout) if f["subject"] == "Amazon Braket"
        )

    assert finding()["good"]
    assert "credentials from 'env', 3 processors in eu-north-1" in finding()["detail"]
    expired(monkeypatch)
    assert not finding()["good"]
    assert "set up credentials" in finding()["remedy"]
    no_credentials(monkeypatch)
    assert finding()["good"]
    assert "no AWS credentials" in finding()["detail"]
