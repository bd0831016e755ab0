"""What commands print as JSON, and what the doctor and the lists say."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_cases import (
    IDEAL,
    MISSPELT,
    ONE,
    Call,
    Invoke,
)
from runs import Finished, run_folders

from runner.results.columns import NOT_PLANNED
from runner.results.fields import declared_fields
from runner.results.rows import ResultRow

FIRST_FIELDS = [
    *["experiment", "n", "level", "r", "scenario", "clone", "strategy", "estimator"],
    *["backend", "device", "seed", "repeat", "qubits", "two_qubit_layers", "two_qubit_gates"],
    *["shots", "value", "std_err", "ci_low", "ci_high", "noise_floor", "witness_threshold"],
    *["witnessed", "predicted", "published", "published_err", "certificate", "jobs"],
]
"""The fields of the first version, which programs of users rely on; newer ones follow them."""
FIELDS = [field.name for field in declared_fields(ResultRow)]
MEASURED = {field.name for field in declared_fields(ResultRow) if field.role in NOT_PLANNED}
NARROWED = ["-o", "experiment.n=3", "-o", "experiment.decrypt.strategy=frame"]


def test_run_prints_its_rows_as_json(call: Call, config: Path, tmp_path: Path) -> None:
    done = call("run", "c.yaml", "--json")
    rows = json.loads(done.stdout)
    assert done.exit_code == 0
    assert [list(row) for row in rows] == [FIELDS]
    assert FIELDS[: len(FIRST_FIELDS)] == FIRST_FIELDS
    (folder,) = run_folders(tmp_path / "runs")
    assert json.loads((folder / "results.json").read_text(encoding="utf-8")) == rows


def test_plan_prints_rows_without_what_is_measured(
    call: Call, small: Finished, tmp_path: Path
) -> None:
    shutil.copy(small.folder / "config.yaml", tmp_path / "c.yaml")
    done = call("plan", "c.yaml", "--json", *NARROWED)
    document = json.loads(done.stdout)
    rows = [row for row in small.rows if (row["n"], row["strategy"]) == (3, "frame")]
    expected = [{k: v for k, v in row.items() if k not in MEASURED} for row in rows]
    assert done.exit_code == 0
    assert document["rows"] == expected
    assert [list(row) for row in document["rows"]] == [list(row) for row in expected]
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]


def test_plan_counts_circuits_shots_and_time(invoke: Invoke) -> None:
    Path("c.yaml").write_text(ONE + "repeats: 5\n", encoding="utf-8")
    forecast = json.loads(invoke("plan", "c.yaml", "--json").stdout)["forecast"]
    assert (forecast["circuits"], forecast["shots"]) == (15, 3000)
    assert (forecast["qpu_seconds"], forecast["usd"]) == (0, 0)
    # 250 µs between shots, and circuits of some microseconds
    assert 0.75 < forecast["device_seconds"] < 0.8
    assert len(forecast["assumptions"]) == 2


def test_plan_shows_a_table_and_its_assumptions(invoke: Invoke) -> None:
    Path("c.yaml").write_text(IDEAL, encoding="utf-8")
    result = invoke("plan", "c.yaml")
    assert result.exit_code == 0
    assert "3 circuits in 1 job, 600 shots" in result.stdout
    assert "billed: 0 QPU seconds, 0 USD" in result.stdout
    assert "assumed: provider 'stim' simulates locally" in result.stdout


def test_validate_reports_as_json(call: Call, config: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(MISSPELT, encoding="utf-8")
    done = call("validate", "c.yaml", "bad.yaml", "--json")
    good, bad = json.loads(done.stdout)
    assert done.exit_code == 2
    assert good == {"file": "c.yaml", "ok": True, "points": 1, "problems": []}
    assert (bad["file"], bad["ok"]) == ("bad.yaml", False)
    assert [problem["place"] for problem in bad["problems"]] == ["bad.yaml:2:1"]


def test_validate_of_good_files_ends_with_0(invoke: Invoke) -> None:
    Path("c.yaml").write_text(ONE, encoding="utf-8")
    result = invoke("validate", "c.yaml", "c.yaml", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(json.loads(result.stdout)) == 2


def test_report_prints_the_rows_as_json(call: Call, kept: Path, one: Finished) -> None:
    done = call("report", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == one.rows


def test_experiments_are_listed_as_json(invoke: Invoke) -> None:
    result = invoke("experiments", "--json")
    assert "entanglement" in [entry["kind"] for entry in json.loads(result.stdout)]
    assert invoke("experiments").stdout.startswith("entanglement: ")


def test_devices_are_listed_as_json(call: Call) -> None:
    done = call("devices", "--json")
    document = json.loads(done.stdout)
    devices = {entry["device"]: entry for entry in document["devices"]}
    assert set(document["providers"]) >= {"stim", "aer"}
    assert devices["fake_kingston"]["qubits"] == 156
    assert devices["fake_kingston"]["calibrated_at"].startswith("20")
    assert devices["ideal"]["usable"]
    assert not devices["fake_armonk"]["usable"]


def test_every_usable_device_is_accepted_by_name(invoke: Invoke) -> None:
    Path("c.yaml").write_text(ONE, encoding="utf-8")
    devices = json.loads(invoke("devices", "--json").stdout)["devices"]
    large = [d["device"] for d in devices if d["usable"] and (d["connected"] or 6) >= 6]
    assert len(large) > 30
    for device in large:
        assert invoke("validate", "c.yaml", "-o", f"backend.device={device}").exit_code == 0


def test_doctor_finds_all_well(call: Call) -> None:
    done = call("doctor", "--json")
    findings = json.loads(done.stdout)
    assert (done.exit_code, done.stderr) == (0, "")
    assert [finding for finding in findings if not finding["good"]] == []
    assert {"Python", "stim", "simulation", "run folder", "store"} <= {
        f["subject"] for f in findings
    }


def test_doctor_names_the_remedy(invoke: Invoke) -> None:
    Path("file").touch()
    result = invoke("doctor", "--out", "file/deeper/runs", "--json")
    (finding,) = [f for f in json.loads(result.stdout) if not f["good"]]
    assert result.exit_code == 1
    assert (finding["subject"], "--out" in finding["remedy"]) == ("run folder", True)


def test_doctor_opens_the_store(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def finding() -> dict[str, Any]:
        found = json.loads(invoke("doctor", "--json").stdout)
        (store,) = [f for f in found if f["subject"] == "store"]
        return dict(store)

    assert "made with the first run" in finding()["detail"]
    Path("runs").mkdir()
    Path("runs/enclone.sqlite").write_text("not a database, and long enough to be none " * 9)
    assert (finding()["good"], "enclone adopt" in finding()["remedy"]) == (False, True)
    monkeypatch.setenv("ENCLONE_STORE", "sqlite:///mine.sqlite")
    Path("c.yaml").write_text(IDEAL, encoding="utf-8")
    assert invoke("run", "c.yaml").exit_code == 0
    assert (finding()["good"], finding()["detail"]) == (True, "sqlite:///mine.sqlite: 1 run")


def test_doctor_sees_that_a_file_cannot_hold_runs(invoke: Invoke) -> None:
    Path("file").touch()
    assert invoke("doctor", "--out", "file").exit_code == 1


def test_doctor_trusts_that_a_run_makes_its_folders(invoke: Invoke) -> None:
    assert invoke("doctor", "--out", "new/deeper/runs").exit_code == 0
