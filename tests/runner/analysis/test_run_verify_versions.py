"""Verification of other calibrations, files too many, and runs of other versions."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from changed_runs import (
    BELL,
    SMALL,
    STEM,
    ZZ,
    Invoke,
    Verified,
    change_json,
    hashed_again,
)
from runs import run_folders

from backends.adapter import Adapter, CircuitFailure
from backends.providers.registry import open_adapter

pytestmark = pytest.mark.usefixtures("drawn_once")


def test_another_calibration_is_found(folder: Path, verified: Verified) -> None:
    def worse(device: Any) -> None:
        for qubit in device["qubits"]:
            qubit["readout_error"] = 0.2

    change_json(folder / "device.json", worse)
    hashed_again(folder)
    found = verified()
    assert [r["what"] for r in found.about("device.json")] == ["sha256 by provenance.json"]
    assert "shots" in {r["what"] for r in found.about(f"counts/{BELL}-r0.npz")}
    assert f"{STEM}-bsm-r0: predicted" in {r["what"] for r in found.about("results.json")}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda index: index[0].update(identity="0" * 64), f"{BELL}-r0: identity"),
        (lambda index: index[0]["checks"][0].update(parity=1), f"{BELL}-r0: checks"),
        (lambda index: index[0].update(predicted_success=0.5), f"{BELL}-r0: predicted_success"),
        (
            lambda index: index[0]["certificate"]["checks"].update(stages=False),
            f"{BELL}-r0: certificate: checks: stages",
        ),
        (lambda index: index.pop(0), f"{BELL}-r0"),
        (lambda index: index.append({**index[0], "name": "another"}), "another"),
    ],
)
def test_a_changed_index_is_found(
    folder: Path, verified: Verified, change: Callable[[Any], object], what: str
) -> None:
    change_json(folder / "circuits" / "index.json", change)
    hashed_again(folder)
    assert what in {row["what"] for row in verified().about("circuits/index.json")}


def test_a_file_too_many_is_found(folder: Path, verified: Verified) -> None:
    shutil.copy(folder / "counts" / f"{BELL}-r0.npz", folder / "counts" / f"{BELL}-r2.npz")
    hashed_again(folder)
    assert [(r["what"], r["file"]) for r in verified().rows] == [("file", f"counts/{BELL}-r2.npz")]


@pytest.mark.parametrize("name", ["figures/entanglement_fidelity.svg", "report.html"])
def test_a_changed_picture_or_report_is_found(folder: Path, verified: Verified, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace("witness", "witnes", 1), encoding="utf-8")
    assert [(row["what"], row["file"]) for row in verified().rows] == [("content", name)]


def test_a_changed_provenance_is_found(folder: Path, verified: Verified) -> None:
    def change(provenance: Any) -> None:
        provenance["started_at"] = "2020-01-01T00:00:00+00:00"
        provenance["device"]["calibrated_at"] = "2020-01-01T00:00:00+00:00"
        provenance["circuits"]["counted"] = 9

    change_json(folder / "provenance.json", change)
    found = verified()
    assert {row["what"] for row in found.about("provenance.json")} == {
        *("sha256", "started_at", "device: calibrated_at", "circuits that have counts")
    }
    assert found.about("report.html")


def test_differences_are_lines_of_text(invoke: Invoke, folder: Path) -> None:
    change_json(folder / "results.json", lambda rows: rows[0].update(value=0.25))
    result = invoke("verify", str(folder))
    assert result.exit_code == 1
    first, *_, last = result.stdout.splitlines()
    assert first.startswith(f"results.json: {STEM}-bsm-r0: value: stored 0.25, recomputed 0.")
    assert last == "1 difference"


INTERVALS = {"ci_low", "ci_high", "predicted_low", "predicted_high", "95 % interval"}
"""What the first format knew of no rows, or found by other methods."""


def older_words(report: Path, run: str) -> None:
    """The report in other words, of a version that knew no name of a run."""
    text = report.read_text(encoding="utf-8")
    text = re.sub("run [^ ]+, started", f"run {run}, started", text)
    text = re.sub("<dt>enclone</dt><dd>[^<]+", "<dt>enclone</dt><dd>0.0.9", text)
    text = re.sub("<dt>matplotlib</dt><dd>[^<]+</dd>", "", text)
    report.write_text(text.replace("nothing fitted", "as it was then"), encoding="utf-8")


def test_a_run_of_an_older_version_is_compared_as_far_as_can_be(
    folder: Path, verified: Verified
) -> None:
    def older(provenance: Any) -> None:
        del provenance["run"], provenance["packages"]["matplotlib"]
        provenance.update(enclone="0.0.9", git_commit=None, format=1)

    change_json(folder / "provenance.json", older)
    (folder / "SHA256SUMS").unlink()
    change_json(folder / "results.json", lambda rows: [row.pop("mitigated_err") for row in rows])
    lines = (folder / "results.csv").read_text(encoding="utf-8").splitlines()
    shorter = "".join(line.rpartition(",")[0] + "\n" for line in lines)
    (folder / "results.csv").write_text(shorter, encoding="utf-8")
    change_json(folder / "resolved.json", lambda resolved: resolved["compile"].pop("moves"))
    (folder / "circuits" / "planned.json").unlink()
    older_words(folder / "report.html", run=folder.name)
    found = verified()
    # Its rows are of this version, whose intervals are found by other methods.
    assert {row["what"].rpartition(": ")[2] for row in found.rows} == INTERVALS
    assert found.document["made_by"]["enclone"] == "0.0.9"
    hashes, pictures = found.document["remarks"]
    assert "before there were hashes" in hashes
    assert "made by enclone 0.0.9, verified by enclone" in pictures
    change_json(folder / "results.json", lambda rows: rows[0].update(value=0.25))
    told = {row["what"].rpartition(": ")[2] for row in verified().about("results.json")}
    assert "value" in told


def test_intervals_are_those_of_the_format_that_the_run_states(
    folder: Path, verified: Verified
) -> None:
    assert json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["format"] == 2
    change_json(folder / "provenance.json", lambda provenance: provenance.update(format=1))
    told = {row["what"].rpartition(": ")[2] for row in verified().about("results.json")}
    assert told == INTERVALS - {"95 % interval"}


def test_a_run_of_a_format_to_come_is_refused_in_one_line(invoke: Invoke, folder: Path) -> None:
    change_json(folder / "provenance.json", lambda provenance: provenance.update(format=3))
    result = invoke("verify", str(folder))
    assert result.exit_code == 1
    assert "the run has format 3, and this version knows 1, 2" in result.stderr


def test_a_run_of_a_newer_version_is_one_line_that_names_it(invoke: Invoke, folder: Path) -> None:
    change_json(folder / "resolved.json", lambda resolved: resolved.update(warp=9))
    change_json(folder / "provenance.json", lambda p: p.update(enclone="9.9.9"))
    result = invoke("verify", str(folder))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "warp" in result.stderr.splitlines()[-1]
    assert "made by enclone 9.9.9" in result.stderr.splitlines()[-1]


def test_an_unfinished_run_is_named(invoke: Invoke, folder: Path) -> None:
    (folder / "results.json").unlink()
    (folder / "circuits" / "index.json").unlink()
    result = invoke("verify", str(folder))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "cut short" in result.stderr


def test_a_run_of_which_a_part_failed_agrees_with_itself(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: Any) -> Adapter:
        adapter = open_adapter(*arguments)
        results = adapter.results

        def partial(job: str) -> list[Any]:
            return [CircuitFailure("lost", "1305"), *list(results(job))[1:]]

        monkeypatch.setattr(adapter, "results", partial)
        return adapter

    monkeypatch.setattr("backends.providers.registry.open_adapter", failing)
    Path("c.yaml").write_text(SMALL.replace("repeats: 2", "repeats: 1"), encoding="utf-8")
    assert invoke("run", "c.yaml").exit_code == 4
    found = json.loads(invoke("verify", "--json").stdout)
    assert (found["differences"], found["checked"]["counts"]) == ([], 3)
    assert found["checked"]["circuits_without_counts"] == 1
    (folder,) = run_folders(Path("runs"))
    shutil.copy(folder / "counts" / f"{ZZ}-r0.npz", folder / "counts" / f"{BELL}-r0.npz")
    result = invoke("verify")
    assert result.exit_code == 1
    assert f"counts/{BELL}-r0.npz: file: stored is there" in result.stdout
