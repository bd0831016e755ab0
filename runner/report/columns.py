"""The columns of a result table, the same in the terminal and in the report.

Which fields are shown, under which title and with how many digits, they declare themselves. Here
stands in which order: groups of roles, and within a group the order of the fields except for those
that are named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runner.kinds.registry import kind_of
from runner.results.columns import NOT_PLANNED
from runner.results.fields import ResultField, Role, Shown, Table
from runner.results.rows import ResultRow
from runner.results.tables import columns_of

MISSING = "-"

_POINT: tuple[Role, ...] = ("parameter", "repetition")
_GROUPS: tuple[tuple[Role, ...], ...] = (
    _POINT,
    ("outcome",),
    ("prediction",),
    ("published",),
    ("circumstance",),
    ("bookkeeping",),
)
_FIRST = (
    *("repeat", "n", "r", "level", "generations", "clones", "key_qubits", "path", "scenario"),
    *("subset", "learns", "lost", "loss", "idle_microseconds", "spent_on", "input"),
    *("value", "std_err", "ci_low", "witnessed", "mitigated", "shots"),
)
_LAST = ("layout", "clone", "strategy", "estimator")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        header: its title.
        cell: what a row shows there.
        numeric: whether it is aligned to the right.
    """

    header: str
    cell: Callable[[ResultRow], str]
    numeric: bool = True


def heading(header: str, *, numeric: bool = True) -> Column:
    """A column of a table whose cells are no rows'."""
    return Column(header, lambda _: "", numeric)


def result_columns(rows: Sequence[ResultRow]) -> list[Column]:
    """Point, measured value with interval, prediction, published value and circuit size."""
    return _columns(rows, "result")


def report_columns(rows: Sequence[ResultRow]) -> list[Column]:
    """The result columns, and what there is no room for in a terminal."""
    return _columns(rows, "report")


def plan_columns(rows: Sequence[ResultRow]) -> list[Column]:
    """What would run, without the measured columns."""
    fields = [field for field in _shown(rows, "plan") if field.role not in NOT_PLANNED]
    point = [field for field in fields if _tells_the_point(field)]
    # What results leave out is what a plan is asked for: how large it is.
    size = [f for f in fields if f.shown and "result" not in f.shown.tables]
    others = [field for field in fields if field not in point and field not in size]
    return [_column(field, rows) for field in (*point, *size, *others)]


def point_columns(rows: Sequence[ResultRow]) -> list[Column]:
    """What tells the points apart: columns that no row needs are left out."""
    return [_column(field, rows) for field in _shown(rows, "result") if _tells_the_point(field)]


def number(value: float | None, digits: int = 4) -> str:
    """A value with its digits, or a dash.

    >>> number(0.5), number(None)
    ('0.5000', '-')
    """
    return MISSING if value is None else f"{value:.{digits}f}"


def _tells_the_point(field: ResultField) -> bool:
    return field.role in _POINT and field.shown is not None and "result" in field.shown.tables


def _columns(rows: Sequence[ResultRow], table: Table) -> list[Column]:
    return [_column(field, rows) for field in _shown(rows, table)]


def _shown(rows: Sequence[ResultRow], table: Table) -> list[ResultField]:
    """The fields that a table shows of these rows, in the order of its columns."""
    fields = {field.name: field for field in columns_of(rows)}
    shown = [
        field
        for field in fields.values()
        if field.shown
        and table in field.shown.tables
        and (
            field.shown.always
            or any(_says_something(fields[field.shown.shown_with or field.name], r) for r in rows)
        )
    ]
    return sorted(shown, key=_position)


def _says_something(field: ResultField, row: ResultRow) -> bool:
    # A column in which nothing was lost, and nothing waited, tells nothing.
    return field.shown is not None and _text(field.shown, row, field.name) != field.shown.absent


def _position(field: ResultField) -> tuple[int, int, int]:
    group = next(k for k, roles in enumerate(_GROUPS) if field.role in roles)
    first = _FIRST.index(field.name) if field.name in _FIRST else len(_FIRST)
    last = _LAST.index(field.name) if field.name in _LAST else -1
    return group, first, last


def _column(field: ResultField, rows: Sequence[ResultRow]) -> Column:
    shown = field.shown or Shown(field.name)
    header = shown.header or kind_of(rows[0].experiment).symbol(rows)
    numeric = field.kind in ("integer", "number") if shown.numeric is None else shown.numeric
    return Column(header, lambda row: _text(shown, row, field.name), numeric)


def _text(shown: Shown, row: ResultRow, name: str) -> str:
    """What a row shows in the column of a field."""
    values = [row.get(one) for one in (name, shown.error or shown.upper) if one]
    if None in values:
        return shown.absent
    text = (" ± " if shown.error else " … ").join(_written(shown, value) for value in values)
    share = row.get(shown.share) if shown.share else None
    return text if share is None else f"{text} ({share:.1%})"


def _written(shown: Shown, value: object) -> str:
    if shown.text is not None:
        return shown.text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if shown.digits is None else f"{value:.{shown.digits}f}"
