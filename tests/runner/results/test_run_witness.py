"""What a run calls witnessed, from YAML to report."""

import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from kind_texts import the_run, written
from made_rows import row
from runs import run_folders

from experiments.statistics.estimators import Estimate
from runner.results.formats import FORMAT, in_format
from runner.results.rows import ResultRow

Invoke = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("in_one_process")


def results(invoke: Invoke, experiment: str, more: str = "") -> list[dict[str, Any]]:
    written(experiment, more)
    result = invoke("run", "c.yaml", "--json")
    the_run(result)
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def test_only_the_mean_of_all_states_has_the_bound_of_measuring_and_preparing(
    invoke: Invoke,
) -> None:
    rows = results(invoke, "{kind: entanglement, n: 2, input: [bell, '0', process, random]}")
    found = {row["input"]: (row["witness_threshold"], row["witnessed"]) for row in rows}
    assert found[None] == (0.5, True)
    assert found["process"] == (2 / 3, True)
    assert set(found.values()) - {found[None], found["process"]} == {(None, None)}
    printed = invoke("report").stdout
    assert "a box that always emits that state scores 1" in printed
    assert "there is no R in these circuits" in printed


def test_a_ghz_state_of_one_qubit_witnesses_nothing(invoke: Invoke) -> None:
    rows = results(invoke, "{kind: ghz, r: [1, 2]}")
    assert [(row["witness_threshold"], row["witnessed"]) for row in rows] == [
        (None, None),
        (0.5, True),
    ]


def test_leakage_is_corrected_for_all_sets_of_a_run(invoke: Invoke) -> None:
    rows = results(invoke, "{kind: leakage, n: 2, subset: [S1, S1 N1, S1 N2]}", "repeats: 2\n")
    assert {row["comparisons"] for row in rows} == {6}
    assert [row["witnessed"] for row in rows] == [row["learns"] != "nothing" for row in rows]
    assert "tests (Bonferroni)" in invoke("report").stdout


def test_a_set_that_stands_alone_is_not_corrected(invoke: Invoke) -> None:
    (alone,) = results(invoke, "{kind: leakage, n: 2, subset: S1}")
    assert alone["comparisons"] == 1
    assert "tests (Bonferroni)" not in invoke("report").stdout.splitlines()[0]


def test_an_interval_that_only_just_clears_the_line_needs_to_stand_alone() -> None:
    estimate = Estimate(0.53, 0.015, 0.501, 0.56)
    alone = ResultRow.from_dict(row())
    among = ResultRow.from_dict({**row(), "comparisons": 10})
    assert alone.witness_confidence == 0.95
    assert among.witness_confidence == pytest.approx(0.995)
    assert alone.measured(estimate, ()).witnessed is True
    assert among.measured(estimate, (), at_least=0.49).witnessed is False


def test_a_refuted_assumption_witnesses_nothing() -> None:
    estimate = Estimate(2.4, 0.02, 2.36, 2.44)
    made = ResultRow.from_dict({**row(experiment="chsh", witness_threshold=2.0), "assumes": "it"})
    assert made.measured(estimate, (), assumption_p=0.02).witnessed is True
    refuted = made.measured(estimate, (), assumption_p=0.009)
    assert (refuted.witnessed, refuted.assumption_p) == (False, 0.009)


def test_a_chsh_test_with_frame_names_and_tests_its_assumption(invoke: Invoke) -> None:
    rows = results(invoke, "{kind: chsh, n: 2, decrypt: {strategy: [unitary, frame]}}")
    unitary, frame = rows
    assert (unitary["assumes"], unitary["assumption_p"]) == (None, None)
    assert "do not depend on the basis in which the clone is read" in frame["assumes"]
    assert 0.01 <= frame["assumption_p"] <= 1
    printed = invoke("report").stdout
    assert "p of assumption" in printed
    assert "a local model reaches S = 4" in printed
    report = (run_folders(Path("runs"))[0] / "report.html").read_text("utf-8")
    assert frame["assumes"] in html.unescape(report)


@pytest.mark.parametrize(
    "experiment",
    [
        "{kind: entanglement, n: 2, input: ['0', process]}",
        "{kind: leakage, n: 2, subset: [S1, S1 N2]}",
        "{kind: chsh, n: 2, decrypt: {strategy: frame}}",
        "{kind: ghz, r: [1, 2]}",
    ],
)
def test_a_folder_of_the_first_format_verifies_with_what_it_said(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, experiment: str
) -> None:
    """Rows are made as that format had them, from planning on."""

    def older(row: ResultRow, written_in: int) -> ResultRow:
        return in_format(row, min(written_in, FORMAT - 1))

    with monkeypatch.context() as before:
        before.setattr("runner.jobs.storing.in_format", older)
        before.setattr("runner.run_folder.files.FORMAT", FORMAT - 1)
        rows = results(invoke, experiment)
    assert all(row["witnessed"] is not None and row["comparisons"] is None for row in rows)
    found = invoke("verify", "--json")
    assert json.loads(found.stdout)["differences"] == []
