"""The record of a kind of experiment: all that configuration, tables and figures know of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from runner.kinds.contract.drawing import (
    Axis,
    Curve,
    Level,
    OwnFigure,
    against_n,
    fidelity_levels,
    no_curves,
    no_own_figure,
    no_parts,
)
from runner.kinds.contract.section import ExperimentSection
from runner.results.fields import ResultField
from runner.results.rows import ResultRow, require_new_names


@dataclass(frozen=True)
class Wording:
    """How a kind of experiment is presented.

    Attributes:
        title: what is done, in one line.
        value: symbol of the value.
        value_name: the value in words.
        marks: what noise floor and witness line mean.
        published_table: where its published values stand.
    """

    title: str
    value: str
    value_name: str
    marks: str
    published_table: str = "not published"


FIDELITY_MARKS = (
    "noise floor 0.25 (a useless clone); witness line 0.5 ('yes': the whole interval lies above "
    "it, so R is entangled with the clone; with 'witness', with the clone and its key together)"
)
"""The marks of every kind whose value is an entanglement fidelity."""


def _nothing_to_add(rows: Sequence[ResultRow]) -> str:
    del rows
    return ""


def _nothing_to_remark(rows: Sequence[ResultRow], device: str) -> str:
    del rows, device
    return ""


@dataclass(frozen=True)
class ExperimentKind:
    """A kind of experiment.

    Attributes:
        section: model of its ``experiment`` section; ``kind: Literal["..."]`` there is its name.
        wording: what tables, figures and reports say of it.
        axis: rows → what they are drawn against.
        series: row → what tells its series from others, beside strategy, estimator, n and clone;
            as many texts for every row, empty ones are not shown.
        levels: rows → horizontal lines of the figure.
        curves: rows → curves of the figure.
        highest: upper end of the figure's ordinate; None for 1, or more where intervals need it.
        figure_name: file name of its figure without suffix; None for the name of the kind.
        own_figure: run folder and rows → a figure drawn in another way; None where there is no
            data for it.
        marks: rows → what noise floor and witness line mean where the wording does not say it;
            empty otherwise.
        value_symbol: rows → symbol of the value where it is not that of the wording; empty
            otherwise.
        footnote: rows → a line below the table of results; empty for none.
        published_remark: planned rows and their device → a sentence below their comparison with
            published values; empty for none.
        predicted_remark: rows → a sentence that says for which of them the prediction is an upper
            bound, and why; empty for none.
        fields: what its points have beside the fields of every result row: each names a key of
            ``Point.parameters`` and says all that tables, exports and comparisons need.
    """

    section: type[ExperimentSection]
    wording: Wording
    axis: Callable[[Sequence[ResultRow]], Axis] = against_n
    series: Callable[[ResultRow], Sequence[str]] = no_parts
    levels: Callable[[Sequence[ResultRow]], Sequence[Level]] = fidelity_levels
    curves: Callable[[Sequence[ResultRow]], Sequence[Curve]] = no_curves
    highest: float | None = None
    figure_name: str | None = None
    own_figure: Callable[[Path, Sequence[ResultRow]], OwnFigure | None] = no_own_figure
    marks: Callable[[Sequence[ResultRow]], str] = _nothing_to_add
    value_symbol: Callable[[Sequence[ResultRow]], str] = _nothing_to_add
    footnote: Callable[[Sequence[ResultRow]], str] = _nothing_to_add
    published_remark: Callable[[Sequence[ResultRow], str], str] = _nothing_to_remark
    predicted_remark: Callable[[Sequence[ResultRow]], str] = _nothing_to_add
    fields: tuple[ResultField, ...] = ()

    def __post_init__(self) -> None:
        names = get_args(self.section.model_fields["kind"].annotation)
        if len(names) != 1 or not isinstance(names[0], str):
            raise TypeError(
                f'{self.section.__name__}.kind must be Literal["name"] with the kind\'s name, but '
                f"is {self.section.model_fields['kind'].annotation}"
            )
        require_new_names(self.fields)

    @property
    def name(self) -> str:
        """What ``experiment.kind`` calls it."""
        return str(get_args(self.section.model_fields["kind"].annotation)[0])

    def symbol(self, rows: Sequence[ResultRow]) -> str:
        """Symbol of the value of these rows."""
        return self.value_symbol(rows) or self.wording.value

    @property
    def figure_file(self) -> str:
        """File name of its figure without suffix."""
        return self.figure_name or self.name
