"""Comparing runs: every point of every run appears, and outcomes tell no points apart."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from made_rows import row, run_folder

Invoke = Callable[..., Result]

LAYOUTS = {7: 0.9253, 8: 0.8975, 9: 0.9245}
"""Values of three layouts of one circuit."""


def compared(invoke: Invoke, *names: str) -> list[dict]:
    """The points that runs are compared at."""
    result = invoke("compare", *names, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["points"]


def values(point: dict) -> list[float | None]:
    return [found and found["value"] for found in point["rows"]]


def decoupled(number: int, first_seed: int, repeats: int = 1) -> list[dict]:
    """Rows of layouts in each of which the refocused prediction is another."""
    return [
        row(
            seed=first_seed,
            layout=first_seed + k,
            repeat=repeat,
            value=0.9 + k / 100 + repeat / 1000 + first_seed / 10000,
            refocused=0.94 + k / 1000,
        )
        for repeat in range(repeats)
        for k in range(number)
    ]


def test_every_layout_is_compared(invoke: Invoke, tmp_path: Path) -> None:
    rows = [row(layout=layout, value=value) for layout, value in LAYOUTS.items()]
    for name in "ab":
        run_folder(tmp_path / "runs", name, rows)
    points = compared(invoke, "a", "b")
    assert [point["point"]["layout"] for point in points] == [7, 8, 9]
    assert [values(point) for point in points] == [[v, v] for v in LAYOUTS.values()]
    assert not any(point["matched_in_order"] for point in points)
    text = invoke("compare", "a", "b").stdout
    assert [text.count(f"{value:.4f} ±") for value in LAYOUTS.values()] == [2, 2, 2]


def test_runs_with_other_seeds_are_compared_whatever_is_predicted(
    invoke: Invoke, tmp_path: Path
) -> None:
    for name, seed, refocused in (("a", 7, 0.9405), ("b", 8, 0.9260)):
        run_folder(tmp_path / "runs", name, [row(seed=seed, refocused=refocused)])
    (point,) = compared(invoke, "a", "b")
    assert values(point) == [0.92, 0.92]


def test_only_common_layouts_are_matched_where_runs_share_some(
    invoke: Invoke, tmp_path: Path
) -> None:
    a = run_folder(tmp_path / "runs", "a", decoupled(3, 7))
    b = run_folder(tmp_path / "runs", "b", decoupled(3, 8))
    points = compared(invoke, str(a), str(b))
    present = [[r and r["layout"] for r in point["rows"]] for point in points]
    assert present == [[7, None], [8, 8], [9, 9], [None, 10]]


def test_layouts_of_other_seeds_are_matched_in_order_within_a_repeat_and_that_is_said(
    invoke: Invoke, tmp_path: Path
) -> None:
    run_folder(tmp_path / "runs", "a", decoupled(2, 7, repeats=2))
    run_folder(tmp_path / "runs", "b", decoupled(3, 100, repeats=2))
    points = compared(invoke, "a", "b")
    present = [[r and (r["repeat"], r["layout"]) for r in p["rows"]] for p in points]
    assert present == [
        [(0, 7), (0, 100)],
        [(0, 8), (0, 101)],
        [None, (0, 102)],
        [(1, 7), (1, 100)],
        [(1, 8), (1, 101)],
        [None, (1, 102)],
    ]
    assert all(point["matched_in_order"] for point in points)
    assert "matched in the order in which they stand" in invoke("compare", "a", "b").stdout


def test_rows_that_nothing_tells_apart_all_appear(invoke: Invoke, tmp_path: Path) -> None:
    run_folder(tmp_path / "runs", "a", [row(value=0.91), row(value=0.92)])
    run_folder(tmp_path / "runs", "b", [row(value=0.93)])
    assert [values(p) for p in compared(invoke, "a", "b")] == [[0.91, 0.93], [0.92, None]]


@pytest.mark.parametrize(
    "outcome", [{"mitigated": 0.95, "mitigated_err": 0.01}, {"information_bits": 0.5}]
)
def test_outcomes_tell_no_points_apart(invoke: Invoke, tmp_path: Path, outcome: dict) -> None:
    run_folder(tmp_path / "runs", "a", [row(**outcome)])
    run_folder(tmp_path / "runs", "b", [row()])
    (point,) = compared(invoke, "a", "b")
    assert values(point) == [0.92, 0.92]
    assert not point["point"].keys() & outcome.keys()
