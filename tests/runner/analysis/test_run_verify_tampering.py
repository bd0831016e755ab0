"""Changes by somebody who knows how a folder is checked and writes every hash anew."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from changed_runs import SMALL, Verified, change_json, hashed_again
from click.testing import CliRunner
from runs import run_folders

from runner.cli.commands import main

pytestmark = pytest.mark.usefixtures("drawn_once")

BELL, ZZ, XX = (f"n02-clone1-unitary-{end}" for end in ("bsm-bell", "parity-ZZ", "parity-XX"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose settings ZZ and XX have the same weight and the same check."""
    place = tmp_path_factory.mktemp("tampered")
    (place / "c.yaml").write_text(SMALL.replace("frame", "unitary"), encoding="utf-8")
    result = CliRunner().invoke(main, ["run", str(place / "c.yaml"), "--out", str(place / "runs")])
    assert result.exit_code == 0, result.stderr
    (folder,) = run_folders(place / "runs")
    return folder


def exchange(first: Path, other: Path) -> None:
    one, two = first.read_bytes(), other.read_bytes()
    first.write_bytes(two)
    other.write_bytes(one)


def another_version(folder: Path) -> None:
    """The version is another one in the provenance and in the report."""
    change_json(folder / "provenance.json", lambda p: p.update(enclone="0.0.9"))
    change_report(folder, "<dt>enclone</dt><dd>[^,<]+", "<dt>enclone</dt><dd>0.0.9")


def change_report(folder: Path, pattern: str, text: str) -> None:
    path = folder / "report.html"
    before = path.read_text(encoding="utf-8")
    after = re.sub(pattern, text, before, count=1)
    assert after != before
    path.write_text(after, encoding="utf-8")


@pytest.mark.parametrize(
    ("pattern", "text", "what"),
    [
        (r'(<td class="num">)0\.\d{4}(</td>)', r"\g<1>0.9999\2", "row 1: "),
        (r"(<dt>device</dt><dd>)[^<]+", r"\1a better one", "device"),
        (r"(<h1>)[^<]+", r"\1another", "title"),
        (r"started 20\d\d", "started 2019", "begun"),
        (r"shots: 200", "shots: 90000", "configuration"),
        (r"base64,[A-Za-z0-9+/]{40}", "base64,", "figures"),
    ],
)
def test_a_report_edited_together_with_a_version_is_found(
    folder: Path, verified: Verified, pattern: str, text: str, what: str
) -> None:
    another_version(folder)
    change_report(folder, pattern, text)
    hashed_again(folder)
    found = verified().about("report.html")
    assert len(found) == 1
    assert found[0]["what"].startswith(what)


def test_another_version_alone_is_no_difference_but_a_remark(
    folder: Path, verified: Verified
) -> None:
    another_version(folder)
    hashed_again(folder)
    found = verified()
    assert found.rows == []
    assert "made by enclone 0.0.9" in found.document["remarks"][0]


def test_a_report_without_its_results_is_found(folder: Path, verified: Verified) -> None:
    another_version(folder)
    (folder / "report.html").write_text("<h1>trust me</h1>", encoding="utf-8")
    hashed_again(folder)
    assert [row["what"] for row in verified().about("report.html")] == ["results"]


def test_exchanged_counts_are_found_where_results_stay_the_same(
    folder: Path, verified: Verified
) -> None:
    """Two settings of equal weight give the same value either way around."""
    exchange(folder / f"counts/{ZZ}-r0.npz", folder / f"counts/{XX}-r0.npz")
    hashed_again(folder)
    found = verified()
    assert found.about("results.json") == []
    for name in (ZZ, XX):
        assert "circuit" in {row["what"] for row in found.about(f"counts/{name}-r0.npz")}


def test_exchanged_shots_are_found_by_drawing_them_again(folder: Path, verified: Verified) -> None:
    """Even where each file goes on to name its own circuit."""
    names = [folder / f"counts/{one}-r0.npz" for one in (ZZ, XX)]
    stored = [dict(np.load(name)) for name in names]
    for name, one, other in zip(names, stored, stored[::-1], strict=True):
        np.savez_compressed(name, **{**one, "shots": other["shots"]})
    hashed_again(folder)
    found = verified()
    assert [(row["what"], row["file"]) for row in found.rows] == [
        ("shots", f"counts/{one}-r0.npz") for one in (ZZ, XX)
    ]


def test_shots_of_another_seed_are_found(folder: Path, verified: Verified) -> None:
    """Shots in another order: no value tells."""
    path = folder / f"counts/{BELL}-r1.npz"
    stored = dict(np.load(path))
    np.savez_compressed(path, **{**stored, "shots": stored["shots"][::-1]})
    hashed_again(folder)
    assert [(r["what"], r["file"]) for r in verified().rows] == [("shots", f"counts/{BELL}-r1.npz")]


def test_what_another_processor_draws_is_a_remark(folder: Path, verified: Verified) -> None:
    test_shots = folder / f"counts/{BELL}-r1.npz"
    stored = dict(np.load(test_shots))
    np.savez_compressed(test_shots, **{**stored, "shots": stored["shots"][::-1]})
    change_json(folder / "provenance.json", lambda p: p.update(machine="riscv64 polyfill"))
    hashed_again(folder)
    found = verified()
    assert found.rows == []
    assert "shots of 1 of 8 circuits" in found.document["remarks"][0]


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.update(started_at="2020-01-01T00:00:00+00:00"),
        lambda p: p.update(git_commit="0" * 40),
        lambda p: p["cost"]["billed"].update(usd=1.0),
    ],
    ids=["time", "commit", "bill"],
)
def test_an_edited_provenance_is_found(folder: Path, verified: Verified, change: Any) -> None:
    change_json(folder / "provenance.json", change)
    found = verified()
    assert found.exit_code == 1
    assert "sha256" in {row["what"] for row in found.about("provenance.json")}


def test_a_time_that_is_not_that_of_the_run_is_found(folder: Path, verified: Verified) -> None:
    change_json(
        folder / "provenance.json", lambda p: p.update(started_at="2020-01-01T00:00:00+00:00")
    )
    hashed_again(folder)
    assert "started_at" in {row["what"] for row in verified().about("provenance.json")}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda plan: plan[0].update(circuit_sha256="0" * 64), f"{BELL}-r0: circuit_sha256"),
        (lambda plan: plan[0].update(identity="0" * 64), f"{BELL}-r0: identity"),
        (lambda plan: plan[0].update(seed="1"), f"{BELL}-r0: seed"),
        (lambda plan: plan[0].update(shots=7), f"{BELL}-r0: shots"),
        (lambda plan: plan.pop(0), f"{BELL}-r0"),
        (lambda plan: plan.append({**plan[0], "name": "another"}), "another"),
    ],
)
def test_circuits_that_are_not_the_planned_ones_are_found(
    folder: Path, verified: Verified, change: Any, what: str
) -> None:
    change_json(folder / "circuits" / "planned.json", change)
    hashed_again(folder)
    assert what in {row["what"] for row in verified().about("circuits/planned.json")}
