"""Predictions beside what was published."""

import json
from pathlib import Path

import pytest
from command_cases import Invoke
from kind_texts import CONFIGS, written

pytestmark = pytest.mark.usefixtures("in_one_process")


def test_tables_compare_predictions_with_what_was_published(invoke: Invoke) -> None:
    table1, table2 = CONFIGS / "published" / "table1_entanglement.yaml", Path("c.yaml")
    written("{kind: chsh, n: 2, scenario: [2-1, 2-2, undecrypted]}", "name: small\n")
    changes = ("-o", "compile.seeds=1")
    result = invoke("tables", str(table2), *changes, "--json")
    (small,) = json.loads(result.stdout)
    assert small["points"] == 2
    differences = [row["difference"] for row in small["rows"]]
    assert differences[2] is None
    assert differences[:2] == [
        pytest.approx(row["predicted"] - row["published"]) for row in small["rows"][:2]
    ]
    assert small["mean_absolute_difference"] == pytest.approx(sum(map(abs, differences[:2])) / 2)
    assert small["mean_difference"] == pytest.approx(sum(differences[:2]) / 2)
    inside = [
        row["low_of_layouts"] <= row["published"] <= row["predicted_high"]
        for row in small["rows"][:2]
    ]
    assert [row["inside"] for row in small["rows"]] == [*inside, None]
    assert small["inside"] == sum(inside)
    for row in small["rows"]:
        assert row["low_of_layouts"] <= row["predicted_low"] <= row["predicted"]
        assert row["predicted"] <= row["predicted_high"]
    assert abs(small["worst_difference"]) == max(map(abs, differences[:2]))
    text = invoke("tables", str(table1), str(table2), *changes, "-o", "experiment.n=2").stdout
    assert "table-1: Extended Data Table I" in text
    assert "0.823" in text
    assert "2.147" in text
    lines = text[text.index("summary:") :].splitlines()
    assert lines[2].split()[:3] == ["table-1", "Fe", "2"]
    assert lines[3].split()[:3] == ["small", "S", "2"]
    assert "of 4 published values lie within the interval" in lines[4]
    assert "predicted for scenario 2-1 is an upper bound" in text


def test_the_largest_run_that_fits_stands_beside_the_published_one(invoke: Invoke) -> None:
    text = (CONFIGS / "published" / "table3_iterated.yaml").read_text(encoding="utf-8")
    changed = text.replace(
        "[[1], [1, 3], [1, 3, 9], [1, 3, 9, 11], [1, 3, 9, 24]]", "[[1, 3, 9, 24]]"
    )
    Path("c.yaml").write_text(changed.replace("[0, 1, 2, 2, 3]", "[3]"), encoding="utf-8")
    result = invoke("tables", "c.yaml", "-o", "compile.seeds=1")
    assert result.exit_code == 0, result.stderr
    assert "75 clones on 150 qubits stand in for the published 77 on 154" in result.stdout
