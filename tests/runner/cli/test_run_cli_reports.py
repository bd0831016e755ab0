"""Where runs are kept, how they are found, and their reports."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from command_cases import IDEAL, Call, Invoke, files_of, is_one_line_error
from runs import Finished, run_folders

from runner.config.run_config import RunConfig
from runner.run_folder import files as folders
from runner.run_folder.locations import find


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
    assert "abc, abd" in result.stderr


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
