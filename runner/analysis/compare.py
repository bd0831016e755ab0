"""``enclone compare``: equal points of several runs side by side, with their differences.

Runs are equal in what they measured and differ in where: the value of every run stands beside that
of the first, with the standard error of the difference. The runs are independent, so it is the root
of the sum of squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.table import Table

from runner.errors import UserError
from runner.kinds.registry import kind_of
from runner.report.columns import MISSING, Column, number, point_columns
from runner.report.tables import render
from runner.results.rows import FIELDS, NOT_PLANNED, ResultRow
from runner.run_folder.files import read_rows

_NOT_OF_THE_POINT = frozenset(
    (
        *(f.name for f in FIELDS if f.role in NOT_PLANNED),
        *("backend", "device", "seed", "layout", "qubits", "two_qubit_layers", "two_qubit_gates"),
        *("shots", "predicted", "published", "published_err", "certificate"),
    )
)
_POINT = tuple(f.name for f in fields(ResultRow) if f.name not in _NOT_OF_THE_POINT)


class NothingToCompare(UserError):
    """The runs have no point in common."""


@dataclass(frozen=True)
class Difference:
    """A value less that of the first run.

    Attributes:
        value: the difference.
        std_err: its standard error.
        sigmas: the difference in units of it; None where it is 0.
    """

    value: float
    std_err: float
    sigmas: float | None

    @classmethod
    def between(cls, first: ResultRow | None, other: ResultRow | None) -> Difference | None:
        """The difference of two measured rows; None where one has no value.

        >>> from types import SimpleNamespace as Row
        >>> Difference.between(Row(value=0.9, std_err=0.03), Row(value=0.8, std_err=0.04))
        Difference(value=-0.1, std_err=0.05, sigmas=-2.0)
        """
        if first is None or other is None or first.value is None or other.value is None:
            return None
        value = round(other.value - first.value, 12)
        std_err = math.hypot(first.std_err or 0.0, other.std_err or 0.0)
        return cls(value, std_err, round(value / std_err, 12) if std_err else None)


@dataclass(frozen=True)
class ComparedPoint:
    """One point of all runs.

    Attributes:
        rows: its row in each run, None where a run lacks it.
    """

    rows: tuple[ResultRow | None, ...]

    @property
    def any_row(self) -> ResultRow:
        """A row that tells what the point is."""
        return next(row for row in self.rows if row is not None)

    @property
    def differences(self) -> tuple[Difference | None, ...]:
        """Difference of every run but the first to the first."""
        return tuple(Difference.between(self.rows[0], row) for row in self.rows[1:])


@dataclass(frozen=True)
class Comparison:
    """Several runs, point by point.

    Attributes:
        names: the runs.
        points: their points, in the order in which they first appear.
    """

    names: tuple[str, ...]
    points: tuple[ComparedPoint, ...]

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "runs": list(self.names),
            "points": [
                {
                    "point": {name: getattr(point.any_row, name) for name in _POINT},
                    "rows": [None if row is None else row.as_dict() for row in point.rows],
                    "differences": [None if d is None else asdict(d) for d in point.differences],
                }
                for point in self.points
            ],
        }


def compare(places: Sequence[Path]) -> Comparison:
    """Compare the results of run folders.

    Raises:
        RunFolderError: if a run has no results.
        NothingToCompare: if no point is in two of them.
    """
    names = tuple(place.resolve().name for place in places)
    runs = [{_key(row): row for row in read_rows(place)} for place in places]
    keys = dict.fromkeys(key for run in runs for key in run)
    points = tuple(ComparedPoint(tuple(run.get(key) for run in runs)) for key in keys)
    if all(sum(row is not None for row in point.rows) < 2 for point in points):
        raise NothingToCompare(
            f"the runs {', '.join(names)} have no point in common: a point is the same where "
            "experiment, n, clone, strategy, estimator and the like are; compare runs whose "
            "'backend' alone differs"
        )
    return Comparison(names, points)


def _key(row: ResultRow) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in _POINT)


def comparison_table(comparison: Comparison) -> str:
    """The comparison as text: for each point one line a run, with its difference to the first."""
    rows = [point.any_row for point in comparison.points]
    table = Table(box=None, pad_edge=False, header_style="none")
    about: list[Column] = point_columns(rows)
    for column in about:
        _add(table, column.header, numeric=column.numeric)
    _add(table, "run", numeric=False)
    for header in ("value", "predicted", "2q gates", "difference to (1)"):
        _add(table, header)
    for point in comparison.points:
        cells = [column.cell(point.any_row) for column in about]
        for k, row in enumerate(point.rows):
            difference = _difference(point.differences[k - 1]) if k else ""
            gates = MISSING if row is None else str(row.two_qubit_gates)
            predicted = number(row.predicted if row else None)
            table.add_row(*cells, f"({k + 1})", _value(row), predicted, gates, difference)
            cells = [""] * len(cells)
    return render(table) + _legend(comparison)


def _add(table: Table, header: str, *, numeric: bool = True) -> None:
    table.add_column(header, justify="right" if numeric else "left", no_wrap=True)


def _value(row: ResultRow | None) -> str:
    if row is None or row.value is None:
        return MISSING
    shown = f"{number(row.value)} ± {number(row.std_err)}"
    return shown if row.certificate == "proved" else f"{shown} ({row.certificate})"


def _difference(difference: Difference | None) -> str:
    if difference is None:
        return MISSING
    sigmas = "" if difference.sigmas is None else f" ({difference.sigmas:+.1f}σ)"
    return f"{difference.value:+.4f} ± {difference.std_err:.4f}{sigmas}"


def _legend(comparison: Comparison) -> str:
    lines = [""]
    for k, name in enumerate(comparison.names):
        row = next(row for p in comparison.points if (row := p.rows[k]) is not None)
        lines.append(f"({k + 1}) {name}: provider {row.backend}, device {row.device}")
    wordings = [kind_of(point.any_row.experiment).wording for point in comparison.points]
    symbols = {wording.value_name: wording.value for wording in wordings}
    values = ", ".join(f"{symbol}: {name}" for name, symbol in symbols.items())
    lines += [
        f"values ± standard error ({values}); differences to the first run with their own",
        "predicted: exact value under the noise of each run's calibration snapshot, nothing fitted",
    ]
    return "\n".join(lines) + "\n"
