"""The command line as a user calls it: what it prints, where, and how it ends."""

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import pytest
import started
from click.testing import Result
from runs import USER, Done, Finished, environment, run_folders
from started import SCRIPT, Running

import backends.compiling.compile as compiling
import runner
from backends.adapter import Adapter, CircuitFailure
from backends.compiling.certificate import Certificate, certify
from backends.providers import registry as providers
from backends.providers.registry import open_adapter
from runner.cli.commands import main
from runner.config.run_config import BudgetConfig, RunConfig
from runner.errors import OverBudget
from runner.planning.forecast import Forecast, require_budget
from runner.run_folder import files as folders
from runner.run_folder.locations import find

Call = Callable[..., Done]
Invoke = Callable[..., Result]
Finish = Callable[..., Finished]

COMMANDS = sorted(main.commands) if isinstance(main, click.Group) else []
ONE = "experiment: {kind: entanglement, n: 2}\nshots: 200\n"
IDEAL = f"{ONE}backend: {{device: ideal}}\n"
MISSPELT = ONE.replace("shots", "shotz")
FIELDS = [
    *["experiment", "n", "level", "r", "scenario", "clone", "strategy", "estimator"],
    *["backend", "device", "seed", "repeat", "qubits", "two_qubit_layers", "two_qubit_gates"],
    *["shots", "value", "std_err", "ci_low", "ci_high", "noise_floor", "witness_threshold"],
    *["witnessed", "predicted", "published", "published_err", "certificate", "jobs"],
    *["clones", "generations", "input", "lost", "loss", "idle_microseconds", "spent_on"],
    *["subset", "learns", "information_bits", "information_low", "information_high", "layout"],
    *["key_qubits", "path"],
    *["mitigated", "mitigated_err", "refocused"],
]
MEASURED = [
    *["value", "std_err", "ci_low", "ci_high", "witnessed", "jobs"],
    *["information_bits", "information_low", "information_high"],
    *["mitigated", "mitigated_err"],
]
NARROWED = ["-o", "experiment.n=3", "-o", "experiment.decrypt.strategy=frame"]
REPOSITORY = Path(runner.__file__).parents[1]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A sound configuration, ``c.yaml`` in the command's folder."""
    path = tmp_path / "c.yaml"
    path.write_text(IDEAL, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def one(finish: Finish) -> Finished:
    """The smallest run."""
    return finish(IDEAL)


@pytest.fixture
def kept(one: Finished, tmp_path: Path) -> Path:
    """A copy of the smallest run, ``runs/a`` in the command's folder."""
    copy = tmp_path / "runs" / "a"
    shutil.copytree(one.folder, copy)
    return copy


def is_one_line_error(result: Result, exit_code: int = 1) -> bool:
    return (
        (result.exit_code, result.stdout) == (exit_code, "")
        and isinstance(result.exception, SystemExit)
        and len(result.stderr.splitlines()) == 1
    )


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- help


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_explains_itself(invoke: Invoke, command: str, option: str) -> None:
    result = invoke(command, option)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {command}")
    assert "--json" in result.stdout


def test_help_names_every_command(call: Call) -> None:
    done = call("--help")
    assert (done.exit_code, done.stderr) == (0, "")
    assert [name for name in COMMANDS if f"  {name} " not in done.stdout] == []
    assert "configs/quickstart.yaml" in done.stdout


def test_the_version_is_printed(call: Call) -> None:
    assert call("--version") == Done(0, f"enclone, version {runner.__version__}\n", "")


def test_the_module_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runner", "run", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("Usage: enclone run")


@pytest.mark.parametrize("arguments", [["--version"], ["run", "none.yaml"], ["nonsense"]])
def test_the_tests_start_what_is_installed(
    call: Call, tmp_path: Path, arguments: list[str]
) -> None:
    installed = subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert call(*arguments) == Done(installed.returncode, installed.stdout, installed.stderr)


@pytest.mark.parametrize(
    "arguments", [["nosuch"], ["run"], ["run", "a", "b"], ["--nosuch"], ["validate"], ["run", "-o"]]
)
def test_wrong_usage_ends_with_2(invoke: Invoke, arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr


# --- runs from end to end


def test_a_run_ends_with_0(small: Finished) -> None:
    assert small.done.exit_code == 0


def test_stdout_holds_the_table_and_nothing_else(small: Finished) -> None:
    header, *lines = small.done.stdout.splitlines()
    assert header.split()[:5] == ["n", "clone", "strategy", "estimator", "Fe"]
    table, notes = lines[:14], lines[14:]
    for line, row in zip(table, small.rows, strict=True):
        start = [str(row["n"]), "S1", row["strategy"], row["estimator"], f"{row['value']:.4f}"]
        assert line.split()[:5] == start
        assert f"{row['ci_low']:.4f} … {row['ci_high']:.4f}" in line
        assert f"{row['predicted']:.4f}" in line
        assert line.split()[-1] == row["certificate"]
    assert notes[0] == ""
    for strategy in ("unitary", "feedforward", "frame", "witness"):
        assert any(note.startswith(f"strategy {strategy}: hands back ") for note in notes)


def test_progress_goes_to_stderr(small: Finished) -> None:
    for word in ("compiling", "running", "writing", f"{small.folder.name}/report.html"):
        assert word in small.done.stderr
        assert word not in small.done.stdout


def test_a_noisy_run_agrees_with_its_prediction(small: Finished) -> None:
    for row in small.rows:
        assert abs(row["value"] - row["predicted"]) < 5 * row["std_err"]
        assert row["ci_low"] < row["value"] < row["ci_high"]
        assert row["certificate"] == "proved"


def test_an_ideal_clone_is_perfect_and_the_interval_says_how_sure(ideal: Finished) -> None:
    assert len(ideal.rows) == 14
    for row in ideal.rows:
        assert (row["value"], row["ci_high"], row["predicted"]) == (1.0, 1.0, 1.0)
        assert 0.98 < row["ci_low"] < 1
        assert row["witnessed"] is True
        assert (row["device"], row["published"]) == ("ideal", None)


@pytest.mark.parametrize(
    ("device", "strategies"),
    [("ideal", "[unitary, feedforward, frame, witness]"), ("fake_kingston", "feedforward")],
)
def test_aer_runs_too(finish: Finish, device: str, strategies: str) -> None:
    run = finish(
        f"experiment: {{kind: entanglement, n: 2, estimator: [bsm, parity],\n"
        f"  decrypt: {{clone: 2, strategy: {strategies}}}}}\n"
        f"backend: {{provider: aer, device: {device}}}\nshots: 200\nseed: 3\n"
    )
    assert len(run.rows) == (7 if device == "ideal" else 2)
    for row in run.rows:
        assert (row["backend"], row["device"]) == ("aer", device)
        assert abs(row["value"] - row["predicted"]) < 5 * row["std_err"]
        assert (row["value"] == 1) == (device == "ideal")


def test_the_same_command_gives_the_same_bytes_anywhere(
    small: Finished, small_elsewhere: Finished
) -> None:
    assert small_elsewhere.done.stdout == small.done.stdout
    first, second = files_of(small.folder), files_of(small_elsewhere.folder)
    assert list(first) == list(second)
    # Two files say when the run was made, and Qiskit's QPY writer draws names at random, which
    # shows in the hashes.
    dated = {"provenance.json", "report.html", "SHA256SUMS"}
    different = {name for name in first if first[name] != second[name]}
    assert {name for name in different if not name.endswith(".qpy")} <= dated
    sums = [set(content["SHA256SUMS"].decode().splitlines()) for content in (first, second)]
    assert all(line.endswith(".qpy") for line in sums[0] ^ sums[1])


def test_nothing_in_a_run_folder_tells_on_the_machine(
    small: Finished, small_elsewhere: Finished
) -> None:
    for run in (small, small_elsewhere):
        secrets = [str(run.folder.parents[1]), str(REPOSITORY), str(Path.home()), USER, sys.prefix]
        for name, content in files_of(run.folder).items():
            found = [secret for secret in secrets if secret.encode() in content]
            assert (name, found) == (name, [])


def test_no_record_of_a_run_names_the_host(small: Finished) -> None:
    for name in ("provenance.json", "resolved.json", "circuits/index.json", "results.json"):
        words = (small.folder / name).read_text(encoding="utf-8").split('"')
        assert socket.gethostname() not in words


@pytest.mark.parametrize("seed", [2**32 - 1, 2**63 - 1])
def test_every_allowed_seed_can_be_run(invoke: Invoke, seed: int) -> None:
    Path("c.yaml").write_text(ONE, encoding="utf-8")
    result = invoke("run", "c.yaml", "--json", "-o", f"seed={seed}")
    assert result.exit_code == 0
    assert json.loads(result.stdout)[0]["seed"] == seed


# --- one JSON document


def test_run_prints_its_rows_as_json(call: Call, config: Path, tmp_path: Path) -> None:
    done = call("run", "c.yaml", "--json")
    rows = json.loads(done.stdout)
    assert done.exit_code == 0
    assert [list(row) for row in rows] == [FIELDS]
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


# --- where runs are kept


def test_runs_go_where_the_environment_says(call: Call, config: Path, tmp_path: Path) -> None:
    assert call("run", "c.yaml", ENCLONE_RUNS="kept/here").exit_code == 0
    assert len(run_folders(tmp_path / "kept" / "here")) == 1
    assert call("report", "latest", ENCLONE_RUNS="kept/here").exit_code == 0
    assert not (tmp_path / "runs").exists()


def test_out_wins_over_the_environment(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, one: Finished
) -> None:
    monkeypatch.setenv("ENCLONE_RUNS", "nowhere")
    assert is_one_line_error(invoke("report", "latest"))
    assert invoke("report", "latest", "--out", str(one.folder.parent)).exit_code == 0


def test_a_place_that_cannot_hold_runs_is_named(call: Call, config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = call("run", "c.yaml", "--out", "file/runs")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.last_line.startswith("the run folder 'file/runs/")
    assert "--out or ENCLONE_RUNS" in done.last_line
    assert "Traceback" not in done.stderr


def test_a_place_that_cannot_hold_runs_is_named_before_any_work(invoke: Invoke) -> None:
    Path("c.yaml").write_text(IDEAL, encoding="utf-8")
    Path("file").touch()
    assert is_one_line_error(invoke("run", "c.yaml", "--out", "file"))


def test_two_runs_in_one_second_get_a_folder_each(tmp_path: Path) -> None:
    made = [folders.create(tmp_path, RunConfig.model_validate(SMALLEST), NOON) for _ in range(3)]
    assert len(set(made)) == 3


SMALLEST = {"name": "x", "experiment": {"kind": "entanglement", "n": 2}}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("count", [2, 12])
def test_latest_is_the_run_made_last(tmp_path: Path, count: int) -> None:
    config = RunConfig.model_validate(SMALLEST)
    for _ in range(count):
        last = folders.create(tmp_path, config, NOON)
        (last / "resolved.json").touch()
    assert find(tmp_path, "latest") == last


def test_a_new_folder_is_named_by_its_time_in_utc(small: Finished) -> None:
    started = datetime.fromisoformat(small.read_json("provenance.json")["started_at"])
    assert small.folder.name == f"{started:%Y%m%dT%H%M%SZ}-small"
    assert started.utcoffset() is not None


# --- reports


@pytest.mark.parametrize("name", [[], ["latest"], ["a"], ["runs/a"], ["./runs/a/"]])
def test_a_run_is_found_by_name_and_path(invoke: Invoke, kept: Path, name: list[str]) -> None:
    before = files_of(kept)
    for path in (kept / "report.html", kept / "figures"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    result = invoke("report", *name)
    assert result.exit_code == 0
    assert result.stdout.startswith("n  clone")
    after = files_of(kept)
    # The report bears the name of the folder, which is a copy here.
    assert {name for name in before if before[name] != after.get(name)} <= {"report.html"}


def test_a_report_shows_what_the_run_showed(
    call: Call, small_elsewhere: Finished, tmp_path: Path
) -> None:
    before = files_of(small_elsewhere.folder)
    done = call("report", str(small_elsewhere.folder))
    assert (done.exit_code, done.stdout) == (0, small_elsewhere.done.stdout)
    assert files_of(small_elsewhere.folder) == before
    assert list(tmp_path.iterdir()) == []


def test_a_report_takes_a_prefix_if_it_is_unambiguous(invoke: Invoke, kept: Path) -> None:
    shutil.copytree(kept, "runs/abc")
    shutil.copytree(kept, "runs/abd")
    assert invoke("report", "abd").exit_code == 0
    # A whole name is one run, however many others begin with it.
    assert invoke("report", "a").exit_code == 0
    result = invoke("report", "ab")
    assert is_one_line_error(result)
    assert "'abc'" in result.stderr
    assert "'abd'" in result.stderr


@pytest.mark.parametrize("name", ["b", "runs/b", "/nowhere", "latestx", "runs/a/results.json"])
def test_an_unknown_run_is_named(invoke: Invoke, kept: Path, name: str) -> None:
    result = invoke("report", name)
    assert is_one_line_error(result)
    assert f"'{name}'" in result.stderr


def test_a_run_name_too_long_for_the_system_is_one_line(invoke: Invoke, kept: Path) -> None:
    assert is_one_line_error(invoke("report", 300 * "x"))


def test_no_runs_at_all_say_how_to_start_one(invoke: Invoke) -> None:
    result = invoke("report")
    assert is_one_line_error(result)
    assert "enclone run CONFIG" in result.stderr


def test_an_unfinished_run_is_named(invoke: Invoke, kept: Path) -> None:
    (kept / "results.json").unlink()
    result = invoke("report", "a")
    assert is_one_line_error(result)
    assert "cut short" in result.stderr


@pytest.mark.parametrize("name", ["results.json", "resolved.json", "provenance.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"null", b"3", b"[1]", b"[{}]", b"\xff"])
def test_a_damaged_run_is_one_line(invoke: Invoke, kept: Path, name: str, content: bytes) -> None:
    (kept / name).write_bytes(content)
    result = invoke("report", "a")
    assert is_one_line_error(result)
    assert "'a'" in result.stderr


@pytest.mark.parametrize("name", ["provenance.json", "config.yaml"])
def test_a_run_that_lacks_a_file_is_one_line(invoke: Invoke, kept: Path, name: str) -> None:
    (kept / name).unlink()
    result = invoke("report", "a")
    assert is_one_line_error(result)
    assert name in result.stderr


@pytest.mark.parametrize(
    "change", [{"value": "x"}, {"strategy": "hope"}, {"colour": 1}, {"jobs": 3}, {"n": None}]
)
def test_a_run_with_a_damaged_row_is_one_line(
    invoke: Invoke, kept: Path, one: Finished, change: dict[str, Any]
) -> None:
    (kept / "results.json").write_text(json.dumps([{**one.rows[0], **change}]), encoding="utf-8")
    assert is_one_line_error(invoke("report", "a"))


def test_a_report_that_cannot_be_written_is_one_line(invoke: Invoke, kept: Path) -> None:
    shutil.rmtree(kept / "figures")
    (kept / "figures").touch()
    assert is_one_line_error(invoke("report", "a"))


# --- how commands end


def test_debug_shows_the_traceback_that_is_left_out_otherwise(call: Call, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(MISSPELT, encoding="utf-8")
    plain, debugged = call("run", "c.yaml"), call("--debug", "run", "c.yaml")
    assert len(plain.stderr.splitlines()) == 1
    assert debugged.stderr.startswith("Traceback")
    assert "runner.errors.ConfigError: c.yaml:2:1" in debugged.stderr


@pytest.mark.parametrize(
    "arguments", [["devices"], ["experiments", "--json"], ["--help"]], ids=lambda words: words[0]
)
def test_a_reader_that_went_away_is_no_accident(tmp_path: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=tmp_path,
        env=environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.stderr == ""


def test_devices_can_be_piped_into_head(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{SCRIPT}' devices | head -1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("provider stim")
    assert done.stderr == ""


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [str(SCRIPT), "experiments"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr


def test_a_terminal_without_unicode_still_shows_the_table(call: Call, kept: Path) -> None:
    done = call("report", "a", PYTHONIOENCODING="latin-1:strict")
    assert (done.exit_code, done.stdout.startswith("n  clone")) == (0, True)


Process = Running | subprocess.Popen[str]
Start = Callable[[str], Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a run in a process group of its own, as a terminal does."""
    processes = []

    def begin(text: str) -> Process:
        (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
        process = started.start(["run", "c.yaml"], tmp_path, environment(), new_session=True)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        # Its helpers may live on where it was killed alone.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def interrupted(process: Process, *, everyone: bool) -> Done:
    """Ctrl-C: to the process alone, or to its whole group as a terminal does."""
    (os.killpg if everyone else os.kill)(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=40)
    return Done(process.returncode, stdout, stderr)


def wait_until(condition: Callable[[], bool], process: Process) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(process: Process) -> int:
    found = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False
    )
    return len(found.stdout.split())


@pytest.mark.parametrize(
    ("delay", "everyone"),
    [(0.0, True), (0.3, True), (2.0, True), (2.0, False)],
    ids=[
        *["Ctrl-C as workers are started", "Ctrl-C while they start"],
        *["Ctrl-C while they work", "kill -INT"],
    ],
)
def test_a_compilation_can_be_interrupted(
    start: Start, tmp_path: Path, delay: float, everyone: bool
) -> None:
    process = start(ONE.replace("n: 2", "n: 2..30"))
    # Two workers and the helper that looks after their semaphores.
    wait_until(lambda: children(process) >= min(3, 1 + (os.cpu_count() or 1)), process)
    time.sleep(delay)
    done = interrupted(process, everyone=everyone)
    assert (done.exit_code, done.stdout) == (130, "")
    assert done.last_line == "interrupted"
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_simulation_can_be_interrupted_and_resumed(
    start: Start, tmp_path: Path, invoke: Invoke
) -> None:
    process = start(IDEAL.replace("200", "300000") + "repeats: 40\n")
    wait_until((tmp_path / "runs" / ".enclone.sqlite.locks").exists, process)
    done = interrupted(process, everyone=True)
    assert (done.exit_code, done.stdout, done.last_line) == (130, "", "interrupted")
    assert "Traceback" not in done.stderr
    assert "'enclone resume " in done.stderr
    result = invoke("report")
    assert is_one_line_error(result)
    assert "cut short" in result.stderr
    assert "enclone resume" in result.stderr
    assert invoke("status").exit_code == 3
    rows = json.loads(invoke("resume", "--json").stdout)
    assert [row["value"] for row in rows] == [1.0] * 40
    assert invoke("status").exit_code == 0


# --- runs of which a part fails


@pytest.fixture
def break_circuits(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the circuit at that place fail in every job."""

    def break_circuit(place: int) -> None:
        def failing(*arguments: Any) -> Adapter:
            adapter = open_adapter(*arguments)
            results = adapter.results

            def partial(job: str) -> Sequence[Any]:
                shots = list(results(job))
                return [*shots[:place], FAILURE, *shots[place + 1 :]]

            monkeypatch.setattr(adapter, "results", partial)
            return adapter

        monkeypatch.setattr(providers, "open_adapter", failing)

    return break_circuit


FAILURE = CircuitFailure("<b>lost</b> in the fridge", "1305")
BOTH = "experiment: {kind: entanglement, n: 2, estimator: [bsm, parity]}\nshots: 200\n"


def test_a_failed_circuit_never_hides_the_good_ones(
    invoke: Invoke, break_circuits: Callable[[int], None], tmp_path: Path
) -> None:
    Path("c.yaml").write_text(f"{BOTH}backend: {{device: ideal}}\n", encoding="utf-8")
    break_circuits(3)
    result = invoke("run", "c.yaml", "--json")
    good, failed = json.loads(result.stdout)
    assert result.exit_code == 4
    assert "1 of 2 points have no value" in result.stderr
    assert (good["estimator"], good["value"]) == ("bsm", 1.0)
    assert (failed["estimator"], failed["value"], failed["ci_low"]) == ("parity", None, None)
    assert len(list(tmp_path.glob("runs/*/counts/*.npz"))) == 3
    (index,) = tmp_path.glob("runs/*/circuits/index.json")
    assert [entry.get("failure") for entry in json.loads(index.read_text(encoding="utf-8"))] == [
        *(None, None, None),
        {"message": FAILURE.message, "code": FAILURE.code},
    ]
    assert invoke("report").exit_code == 0


def test_a_run_without_any_value_fails_but_is_kept(
    invoke: Invoke, break_circuits: Callable[[int], None], tmp_path: Path
) -> None:
    Path("c.yaml").write_text(ONE, encoding="utf-8")
    break_circuits(2)
    result = invoke("run", "c.yaml")
    assert result.exit_code == 1
    assert "1 of 1 points have no value" in result.stderr
    assert result.stdout.splitlines()[1].split()[:6] == ["2", "S1", "unitary", "parity", "-", "-"]
    (report,) = tmp_path.glob("runs/*/report.html")
    assert '<td class="num">-</td>' in report.read_text(encoding="utf-8")


def test_a_circuit_that_fails_its_proof_has_no_fidelity(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuted(*arguments: Any) -> Certificate:
        return dataclasses.replace(certify(*arguments), status="failed", remark="a test")

    monkeypatch.setattr(compiling, "certify", refuted)
    Path("c.yaml").write_text(IDEAL, encoding="utf-8")
    result = invoke("run", "c.yaml", "--json")
    (row,) = json.loads(result.stdout)
    assert (result.exit_code, row["certificate"], row["value"]) == (1, "failed", None)


# --- budget


def test_a_plan_over_budget_is_refused_with_5() -> None:
    cost = Forecast(1, 1, 100, 3.0, 9.5, 0.3, 9.2, None, None, assumptions=())
    with pytest.raises(OverBudget, match=r"needs 9\.5 USD, but budget\.usd allows 9 USD") as caught:
        require_budget(cost, BudgetConfig(qpu_seconds=3, usd=9))
    assert caught.value.exit_code == 5


def test_a_budget_of_nothing_allows_a_free_run(invoke: Invoke) -> None:
    Path("c.yaml").write_text(f"{IDEAL}budget: {{usd: 0, qpu_seconds: 0}}\n", encoding="utf-8")
    assert invoke("plan", "c.yaml").exit_code == 0


# --- repeats


def test_every_repeat_has_rows_of_its_own(invoke: Invoke) -> None:
    Path("c.yaml").write_text(f"{ONE}repeats: 3\n", encoding="utf-8")
    rows = json.loads(invoke("run", "c.yaml", "--json").stdout)
    assert [row["repeat"] for row in rows] == [0, 1, 2]
    assert len(list(groupby(row["predicted"] for row in rows))) == 1
    assert all(row["jobs"] for row in rows)
    assert len({row["value"] for row in rows}) > 1


def test_the_table_tells_repeats_apart(invoke: Invoke) -> None:
    Path("c.yaml").write_text(f"{IDEAL}repeats: 3\n", encoding="utf-8")
    lines = invoke("run", "c.yaml").stdout.splitlines()
    assert "repeat" in lines[0]
    assert len(set(lines[1:4])) == 3
