"""Tables of result rows: their columns, and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runner.results.fields import ResultField, csv_text
from runner.results.rows import FIELDS, ResultRow


def columns_of(rows: Iterable[ResultRow]) -> tuple[ResultField, ...]:
    """The columns of a table of these rows: those of every row, then all that are declared."""
    columns = dict.fromkeys(FIELDS)
    for row in rows:
        columns.update(dict.fromkeys(row.declared))
    return tuple(columns)


def to_csv(rows: Sequence[ResultRow]) -> str:
    """CSV with a header; an empty cell is None, jobs are separated by spaces."""
    return csv_text(columns_of(rows), [row.as_dict() for row in rows])
