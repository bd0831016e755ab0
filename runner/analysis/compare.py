"""``enclone compare``: equal points of several runs side by side, with their differences.

Runs are equal in what they measured and differ in where: the value of every run stands beside that
of the first, with the standard error of the difference. The runs are independent, so it is the root
of the sum of squares.

A point is the same where all its parameters are. A run may have measured it several times: then the
number of the repeat, and the layout where runs have layouts in common, say which rows belong
together. Rows that even these do not tell apart are matched in the order in which they stand.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from runner.errors import UserError
from runner.kinds.registry import kind_of
from runner.report.columns import MISSING, Column, number, point_columns
from runner.report.tables import render
from runner.results.rows import ResultRow
from runner.run_folder.files import read_rows

_Key = tuple[object, ...]


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
        matched_in_order: whether the order of rows had to tell which of them belong together.
    """

    rows: tuple[ResultRow | None, ...]
    matched_in_order: bool = False

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
                    "point": point.any_row.of_roles("parameter", "repetition"),
                    "matched_in_order": point.matched_in_order,
                    "rows": [None if row is None else row.as_dict() for row in point.rows],
                    "differences": [None if d is None else asdict(d) for d in point.differences],
                }
                for point in self.points
            ],
        }


def compare(folders: Sequence[Path]) -> Comparison:
    """Compare the results of run folders.

    Raises:
        RunFolderError: if a run has no results.
        NothingToCompare: if no point is in two of them.
    """
    names = tuple(folder.resolve().name for folder in folders)
    points = tuple(_points([read_rows(folder) for folder in folders]))
    if all(sum(row is not None for row in point.rows) < 2 for point in points):
        raise NothingToCompare(
            f"the runs {', '.join(names)} have no point in common: a point is the same where "
            "experiment, n, clone, strategy, estimator and the like are; compare runs whose "
            "'backend' alone differs"
        )
    return Comparison(names, points)


def _points(runs: Sequence[Sequence[ResultRow]]) -> Iterator[ComparedPoint]:
    """All points of all runs, no row of which is left out."""
    shared = _shared_repetitions(runs)
    found: list[dict[_Key, list[ResultRow]]] = []
    for rows in runs:
        of_run: defaultdict[_Key, list[ResultRow]] = defaultdict(list)
        for row in rows:
            parameters = _parameters(row)
            of_run[(*parameters, *(row.get(name) for name in shared[parameters]))].append(row)
        found.append(dict(of_run))
    for key in dict.fromkeys(key for of_run in found for key in of_run):
        several = [of_run.get(key, []) for of_run in found]
        number = max(len(rows) for rows in several)
        for k in range(number):
            matched = tuple(rows[k] if k < len(rows) else None for rows in several)
            yield ComparedPoint(matched, number > 1 or _differ_in_repetition(matched))


def _differ_in_repetition(rows: Sequence[ResultRow | None]) -> bool:
    known = [row.of_roles("repetition") for row in rows if row is not None]
    return any(repetition != known[0] for repetition in known)


def _shared_repetitions(
    runs: Sequence[Sequence[ResultRow]],
) -> Mapping[_Key, tuple[str, ...]]:
    """Parameters of a point → fields of repetition that can match its rows across runs.

    They are those of which two runs have a value in common: runs with other seeds have other
    layouts, so that no layout of the first is one of the second.
    """
    seen: defaultdict[_Key, defaultdict[str, list[set[object]]]]
    seen = defaultdict(lambda: defaultdict(lambda: [set() for _ in runs]))
    for k, rows in enumerate(runs):
        for row in rows:
            for name, value in row.of_roles("repetition").items():
                seen[_parameters(row)][name][k].add(value)
    return {
        parameters: tuple(
            name
            for name, values in of_point.items()
            if len(runs) == 1 or len(set().union(*values)) < sum(map(len, values))
        )
        for parameters, of_point in seen.items()
    }


def _parameters(row: ResultRow) -> _Key:
    return tuple(row.of_roles("parameter").items())


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
    if any(point.matched_in_order for point in comparison.points):
        lines.append(
            "some rows of a run differ in nothing by which runs can be matched, such as layouts of "
            "other seeds: they are matched in the order in which they stand"
        )
    return "\n".join(lines) + "\n"
