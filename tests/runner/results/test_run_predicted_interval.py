"""The interval of a prediction in tables and figures, and predictions beside published values."""

from typing import Any

import pytest
from made_rows import MEASURED

from runner.report.figure import draw
from runner.report.tables import footnotes, published_difference, result_table
from runner.results.rows import ResultRow


def row(**changes: Any) -> ResultRow:
    return ResultRow.from_dict({**MEASURED, "strategy": "unitary", **changes})


ROWS = [
    row(
        n=2, value=0.901, predicted=0.931, predicted_low=0.86, predicted_high=0.95, published=0.875
    ),
    row(n=9, value=0.50, predicted=0.58, predicted_low=0.40, predicted_high=0.64, published=0.320),
]


def test_every_published_point_counts_with_the_sign_of_its_difference() -> None:
    text = published_difference(ROWS)
    assert "over all 2 points" in text
    assert f"value {(0.026 + 0.18) / 2:+.3f} on average" in text
    assert f"predicted {(0.056 + 0.26) / 2:+.3f} on average" in text
    assert text.endswith("published within the interval of the prediction: 1 of 2")


def test_predictions_may_lie_below_what_was_published() -> None:
    text = published_difference([row(value=0.80, predicted=0.82, published=0.90)])
    assert "value -0.100 on average (absolute 0.100), predicted -0.080" in text
    assert "within" not in text


def test_tables_and_figures_show_the_interval() -> None:
    text = result_table(ROWS)
    assert "predicted interval" in text.splitlines()[0]
    assert "0.8600 … 0.9500" in text
    assert "T2 without echo" in footnotes(ROWS)
    (axes,) = draw(ROWS, "title").axes
    (band,) = [c for c in axes.collections if type(c).__name__ == "FillBetweenPolyCollection"]
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((0.40, 0.95))


def test_rows_of_older_versions_have_no_interval() -> None:
    old = [row(published=0.875)]
    assert "predicted interval" not in result_table(old)
    (axes,) = draw(old, "title").axes
    assert not [c for c in axes.collections if type(c).__name__ == "FillBetweenPolyCollection"]


@pytest.mark.parametrize(
    ("changes", "upper"),
    [
        ({"strategy": "feedforward"}, "strategy feedforward is an upper bound"),
        ({"experiment": "chsh", "scenario": "2-1"}, "scenario 2-1 is an upper bound"),
        ({"experiment": "chsh", "scenario": "2-2"}, None),
        ({}, None),
    ],
)
def test_predictions_that_leave_out_time_are_said_to_be_upper_bounds(
    changes: dict[str, Any], upper: str | None
) -> None:
    text = footnotes([row(**changes)])
    assert ("an upper bound" in text) == (upper is not None)
    assert (upper or "") in text
