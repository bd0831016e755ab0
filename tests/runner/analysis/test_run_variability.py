"""Variability: values of one point are brought together, whatever came out of them."""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import pytest
from click.testing import Result
from kind_texts import written
from made_rows import row, run_folder
from runs import run_folders

Invoke = Callable[..., Result]


def spread(invoke: Invoke, *names: str) -> dict:
    """The spread of the only point of some runs."""
    result = invoke("variability", *names, "--json")
    assert result.exit_code == 0, result.stderr
    (found,) = json.loads(result.stdout)
    return found


def test_no_layout_is_dropped_where_pulses_change_what_is_predicted(
    invoke: Invoke, tmp_path: Path
) -> None:
    measured = {7: (0.9253, 0.9405), 8: (0.8975, 0.9260), 9: (0.9245, 0.9405)}
    rows = [
        row(layout=layout, value=value, refocused=refocused)
        for layout, (value, refocused) in measured.items()
    ]
    run_folder(tmp_path / "runs", "a", rows)
    found = spread(invoke, "a")
    assert found["values"] == 3
    assert found["mean"] == pytest.approx(mean(value for value, _ in measured.values()))
    layout = next(part for part in found["components"] if part["cause"] == "layout")
    assert layout["std_dev"] > 0.01
    assert layout["degrees_of_freedom"] == 2


def test_repeats_with_mitigated_values_are_one_point(invoke: Invoke, tmp_path: Path) -> None:
    rows = [
        row(repeat=repeat, value=0.92 + repeat / 100, mitigated=0.95 + repeat / 90)
        for repeat in range(2)
    ]
    run_folder(tmp_path / "runs", "a", rows)
    found = spread(invoke, "a")
    assert (found["values"], found["mean"]) == (2, pytest.approx(0.925))
    assert found["n"] == 2
    assert not {"value", "mitigated", "repeat", "layout"} & found.keys()


def test_runs_whose_bits_differ_are_one_point(invoke: Invoke, tmp_path: Path) -> None:
    leakage = {"experiment": "leakage", "subset": "S1", "learns": "nothing", "strategy": "none"}
    for k, name in enumerate("ab"):
        rows = [row(**leakage, seed=k, certificate="proved", information_bits=k / 100)]
        run_folder(tmp_path / "runs", name, rows)
    assert spread(invoke, "a", "b")["values"] == 2


def test_the_number_of_the_repeat_is_none_of_a_point(invoke: Invoke, tmp_path: Path) -> None:
    run_folder(tmp_path / "runs", "a", [row(repeat=k + 1) for k in range(2)])
    assert "repeat" not in invoke("variability", "a").stdout.splitlines()[0]


@pytest.mark.usefixtures("in_one_process")
def test_the_spread_is_split_into_causes(invoke: Invoke) -> None:
    written("{kind: entanglement, n: 2}", "repeats: 4\nname: spread\n")
    changes = ("-o", "compile.layouts=each", "-o", "compile.seeds=5")
    assert invoke("run", "c.yaml", *changes, "--out", "runs/a").exit_code == 0
    device = ("-o", "backend.device=fake_fez")
    assert invoke("run", "c.yaml", *changes, *device, "--out", "runs/b").exit_code == 0
    folders = [str(p) for k in "ab" for p in run_folders(Path("runs", k))]
    (found,) = json.loads(invoke("variability", *folders, "--json").stdout)
    assert found["values"] == 40
    assert (found["n"], found["estimator"]) == (2, "parity")
    split = {one["cause"]: one for one in found["components"]}
    assert list(split) == ["device", "layout", "time", "shots"]
    assert split["layout"]["degrees_of_freedom"] == 8
    # A simulator does not change with time, but layouts do differ.
    assert split["time"]["ci_low"] == 0
    assert split["layout"]["ci_low"] > split["time"]["std_dev"]
    text = invoke("variability", *folders).stdout
    assert "σ layout" in text
    assert "these runs do not tell" in text


@pytest.mark.usefixtures("in_one_process")
def test_one_value_has_no_spread(invoke: Invoke) -> None:
    written("{kind: entanglement, n: 2}")
    assert invoke("run", "c.yaml").exit_code == 0
    result = invoke("variability", "latest")
    assert result.exit_code == 1
    assert "no point was measured twice" in result.stderr


def test_the_draw_of_stabilizers_stands_apart_from_shots(invoke: Invoke, tmp_path: Path) -> None:
    drawn = {"experiment": "ghz", "r": 8, "estimator": "stabilizers", "strategy": "unitary"}
    rows = [
        row(**drawn, repeat=k, value=0.8 + k / 1000, std_err=0.05, std_err_of_draw=0.04)
        for k in range(3)
    ]
    run_folder(tmp_path / "runs", "a", rows)
    parts = {part["cause"]: part for part in spread(invoke, "a")["components"]}
    assert parts["draw"]["std_dev"] == pytest.approx(0.04)
    assert parts["draw"]["degrees_of_freedom"] == 1
    assert parts["shots"]["std_dev"] == pytest.approx(0.03)
    table = invoke("variability", "a").stdout
    assert "σ draw" in table
    assert "draw: the random choice of stabilizers" in table


def test_without_a_draw_none_is_shown(invoke: Invoke, tmp_path: Path) -> None:
    run_folder(tmp_path / "runs", "a", [row(repeat=k) for k in range(2)])
    assert "draw" not in invoke("variability", "a").stdout
