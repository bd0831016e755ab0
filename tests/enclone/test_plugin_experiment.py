"""A kind of experiment with its own parameter, axis and section, installed from a package."""

import csv
import importlib
import json
import os
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from plugin import PACKAGE, ROOT, call_with
from runs import Done, run_folders

from enclone.experiment import Cloning

CONFIG = """\
name: replaced
experiment: {kind: key-loss, n: 3, replaced: [0, 1, 3], decrypt: {strategy: frame}}
compile: {seeds: 1}
shots: 1000
seed: 3
"""
REPLACED = [0, 1, 3]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "c.yaml").write_text(CONFIG, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def call(path: Path, home: Path) -> Callable[..., Done]:
    return lambda *arguments: call_with(path, home, *arguments)


@pytest.fixture(scope="module")
def run(call: Callable[..., Done], home: Path) -> Path:
    done = call("run", "c.yaml")
    assert done.exit_code == 0, done.stderr
    (folder,) = run_folders(home / "runs")
    return folder


@pytest.fixture
def physics(path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the package, seen by this process for the time of a test."""
    monkeypatch.syspath_prepend(path)
    name = "enclone_example.experiment"
    module = importlib.import_module(name)
    monkeypatch.delitem(sys.modules, name)
    return module


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_without_noise_it_gives_the_exact_law(physics: Any, n: int) -> None:
    strategies = ("unitary", "feedforward", "frame")
    for clone, strategy, estimator in product((1, n), strategies, ("parity", "bsm")):
        values = []
        for replaced in range(n + 1):
            point = physics.KeyLossPoint(Cloning(n, clone, strategy), replaced, estimator)
            successes = [setting.ideal_success() for setting in point.settings()]
            values.append(point.linear_estimator.value(successes))
            assert values[-1] == pytest.approx(point.ideal, abs=1e-12)
        assert values[:2] == pytest.approx([1.0, 0.5 if n % 2 else 0.25], abs=1e-12)


def test_it_is_listed_and_the_doctor_names_its_package(call: Callable[..., Done]) -> None:
    listed = json.loads(call("experiments", "--json").stdout)
    assert listed[-1] == {
        "kind": "key-loss",
        "description": "Decryption with a key of which a part was replaced",
    }
    findings = json.loads(call("doctor", "--json").stdout)
    (found,) = [f for f in findings if f["subject"] == "experiment key-loss"]
    assert found["good"]
    assert found["detail"] == "from enclone-example 0.1.0"


@pytest.mark.parametrize(
    ("experiment", "place", "text"),
    [
        ("{kind: key-los, n: 2}", "1:20", "did you mean 'key-loss'?"),
        ("{kind: key-loss, n: 2, replacd: 1}", "1:36", "did you mean 'replaced'?"),
        ("{kind: key-loss, n: 2, replaced: [1, 3]}", "1:50", "n = 2 clones has 2 qubits"),
        ("{kind: key-loss, n: 2, replaced: 1, estimator: bms}", "1:60", "did you mean 'bsm'?"),
        ("{kind: key-loss, n: 100, replaced: 1}", "1:33", "202 connected qubits"),
        ("{kind: key-loss, n: 2, replaced: 1, decrypt: {clone: 0}}", "1:46", "has no partner"),
    ],
)
def test_mistakes_are_told_with_their_position(
    call: Callable[..., Done], home: Path, experiment: str, place: str, text: str
) -> None:
    (home / "bad.yaml").write_text(f"experiment: {experiment}\n", encoding="utf-8")
    done = call("validate", "bad.yaml")
    assert done.exit_code == 2
    told = [line for line in done.stderr.splitlines() if line.startswith(f"bad.yaml:{place}: ")]
    assert text in "".join(told), done.stderr


def test_a_plan_has_its_parameter(call: Callable[..., Done]) -> None:
    assert call("validate", "c.yaml").stdout == "c.yaml: ok, 3 points\n"
    rows = json.loads(call("plan", "c.yaml", "--json").stdout)["rows"]
    assert [row["key_replaced"] for row in rows] == REPLACED


def test_results_hold_its_parameter_as_a_column(run: Path) -> None:
    rows = json.loads((run / "results.json").read_text(encoding="utf-8"))
    with (run / "results.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [row["key_replaced"] for row in rows] == REPLACED
    assert [line["key_replaced"] for line in lines] == [str(number) for number in REPLACED]
    for row in rows:
        assert row["certificate"] == "proved"
        assert abs(row["value"] - row["predicted"]) < 5 * row["std_err"]


def test_the_provenance_names_its_package(run: Path) -> None:
    provenance = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["packages"]["enclone-example"] == "0.1.0"


def test_the_table_has_its_column(run: Path, call: Callable[..., Done]) -> None:
    lines = [line.split() for line in call("report", str(run)).stdout.splitlines()]
    column = lines[0].index("replaced")
    assert [line[column] for line in lines[1:4]] == [str(number) for number in REPLACED]


def test_the_figure_has_its_axis_and_levels(run: Path, call: Callable[..., Done]) -> None:
    picture = (run / "figures" / "key-loss.svg").read_text(encoding="utf-8")
    for text in ("noise qubits replaced", "one Pauli below", "frame, parity"):
        assert text in picture
    assert call("report").exit_code == 0
    assert (run / "figures" / "key-loss.svg").read_text(encoding="utf-8") == picture


def test_it_is_verified(run: Path, call: Callable[..., Done]) -> None:
    done = call("verify", str(run))
    assert done.exit_code == 0, done.stdout
    assert done.stdout.endswith("no difference\n")


def test_an_export_describes_its_column(run: Path, call: Callable[..., Done], home: Path) -> None:
    done = call("export", str(run), "--format", "csv,json", "--to", "exported")
    assert done.exit_code == 0, done.stderr
    described = [
        column
        for file in (home / "exported").rglob("*.json")
        for column in json.loads(file.read_text("utf-8")).get("columns", ())
        if column["name"] == "key_replaced"
    ]
    assert described == [
        {
            "name": "key_replaced",
            "type": "integer",
            "unit": "qubit",
            "optional": False,
            "meaning": "noise qubits of the key that were replaced by maximally mixed ones",
        }
    ]


def test_runs_are_compared_and_their_spread_split(
    run: Path, call: Callable[..., Done], home: Path
) -> None:
    device = ("-o", "backend.device=fake_fez", "-o", "repeats=2")
    assert call("run", "c.yaml", *device, "--out", "other").exit_code == 0
    (other,) = run_folders(home / "other")
    compared = json.loads(call("compare", str(run), str(other), "--json").stdout)
    points = [point["point"]["key_replaced"] for point in compared["points"]]
    assert sorted(set(points)) == [0, 1, 3]
    assert all(row is not None for point in compared["points"][:3] for row in point["rows"])
    spreads = json.loads(call("variability", str(run), str(other), "--json").stdout)
    assert sorted({spread["key_replaced"] for spread in spreads}) == [0, 1, 3]
    assert len(spreads) == 3
    assert all(spread["values"] == 3 for spread in spreads)


def test_without_the_package_the_run_says_what_is_missing(run: Path, tmp_path: Path) -> None:
    done = call_with(tmp_path, tmp_path, "report", str(run))
    assert done.exit_code == 1
    assert "'key-loss'" in done.stderr
    assert "install" in done.stderr


@pytest.mark.parametrize("package", ["experiments", "backends", "runner", "enclone"])
def test_the_project_does_not_know_it(package: str) -> None:
    # Unlike a recursive glob this bears with folders of machine code that vanish meanwhile.
    files = [Path(folder, name) for folder, _, names in os.walk(ROOT / package) for name in names]
    files = [file for file in files if file.suffix in (".py", ".toml", ".html")]
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    assert files
    assert [f for f, text in texts.items() if "key-loss" in text or "key_replaced" in text] == []


def test_the_package_imports_the_contract_alone() -> None:
    text = (PACKAGE / "enclone_example" / "experiment.py").read_text(encoding="utf-8")
    for package in ("experiments", "backends", "runner"):
        assert f"from {package}" not in text
        assert f"import {package}" not in text
