"""The columns of a result table, the same in the terminal and in the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runner.kinds.registry import kind_of
from runner.results.rows import ResultRow

MISSING = "-"
NO_STRATEGY = "none"


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
    return [
        *point_columns(rows),
        Column(_value_symbol(rows), lambda r: number(r.value)),
        Column("95 % interval", _interval),
        Column("> witness", _witnessed, numeric=False),
        *([Column("mitigated", _mitigated)] if any(r.mitigated is not None for r in rows) else []),
        *(_information() if any(row.subset is not None for row in rows) else []),
        *_circuit(rows),
    ]


def _value_symbol(rows: Sequence[ResultRow]) -> str:
    return kind_of(rows[0].experiment).symbol(rows)


def report_columns(rows: Sequence[ResultRow]) -> list[Column]:
    """The result columns, and what there is no room for in a terminal."""
    columns = result_columns(rows)
    place = next(k for k, column in enumerate(columns) if column.header == "95 % interval")
    columns.insert(place, Column("std. error", lambda r: number(r.std_err)))
    place = next(k for k, column in enumerate(columns) if column.header == "2q layers")
    columns.insert(place, Column("shots", lambda r: f"{r.shots:,}"))
    return columns


def plan_columns(rows: Sequence[ResultRow]) -> list[Column]:
    """What would run, without the measured columns."""
    return [
        *point_columns(rows),
        Column("qubits", lambda r: str(r.qubits)),
        Column("shots", lambda r: f"{r.shots:,}"),
        *_circuit(rows),
    ]


def number(value: float | None, digits: int = 4) -> str:
    """A value with its digits, or a dash.

    >>> number(0.5), number(None)
    ('0.5000', '-')
    """
    return MISSING if value is None else f"{value:.{digits}f}"


def clone_name(row: ResultRow) -> str:
    """``A`` for the input qubit, otherwise ``S`` and a number."""
    return "A" if row.clone == 0 else f"S{row.clone}"


def decrypts_nothing(rows: Sequence[ResultRow]) -> bool:
    """Whether there is neither a clone nor a strategy to speak of."""
    return all(row.strategy == NO_STRATEGY for row in rows)


def point_columns(rows: Sequence[ResultRow]) -> list[Column]:
    """What tells the points apart: columns that no row needs are left out."""
    decryption = [
        Column("clone", clone_name),
        Column("strategy", lambda r: r.strategy, numeric=False),
    ]
    every = [
        Column("repeat", lambda r: str(r.repeat)) if any(row.repeat for row in rows) else None,
        Column("n", lambda r: str(r.n)),
        _if_used(rows, "r", "r"),
        _if_used(rows, "level", "level"),
        _if_used(rows, "generations", "instances"),
        _if_used(rows, "clones", "clones"),
        _if_used(rows, "key_qubits", "key qubits"),
        _if_used(rows, "path", "path", numeric=False),
        _if_used(rows, "scenario", "scenario", numeric=False),
        _if_used(rows, "subset", "subset", numeric=False),
        _if_used(rows, "learns", "learns", numeric=False),
        _if_used(rows, "lost", "lost", numeric=False, missing="none"),
        _if_used(rows, "loss", "loss", numeric=False, missing="none"),
        _if_used(rows, "idle_microseconds", "idle µs", missing="0.0"),
        _if_used(rows, "spent_on", "key spent on"),
        _if_used(rows, "input", "input", numeric=False, missing="bell"),
        _if_used(rows, "layout", "layout"),
        *([] if decrypts_nothing(rows) else decryption),
        Column("estimator", lambda r: r.estimator, numeric=False),
    ]
    return [column for column in every if column]


def _if_used(
    rows: Sequence[ResultRow],
    field: str,
    header: str,
    *,
    numeric: bool = True,
    missing: str = MISSING,
) -> Column | None:
    # A column in which nothing was lost, and nobody waited, tells nothing.
    if all(getattr(row, field) is None or str(getattr(row, field)) == missing for row in rows):
        return None

    def cell(row: ResultRow) -> str:
        value = getattr(row, field)
        return missing if value is None else str(value)

    return Column(header, cell, numeric)


def _circuit(rows: Sequence[ResultRow]) -> list[Column]:
    bound = any(row.refocused is not None for row in rows)
    return [
        Column("predicted", lambda r: number(r.predicted)),
        *([Column("if refocused", lambda r: number(r.refocused))] if bound else []),
        Column("published", _published),
        Column("2q layers", lambda r: str(r.two_qubit_layers)),
        Column("2q gates", lambda r: str(r.two_qubit_gates)),
        Column("certificate", lambda r: r.certificate, numeric=False),
    ]


def _interval(row: ResultRow) -> str:
    return _ends(row.ci_low, row.ci_high)


def _mitigated(row: ResultRow) -> str:
    if row.mitigated is None or row.mitigated_err is None:
        return MISSING
    return f"{row.mitigated:.4f} ± {row.mitigated_err:.4f}"


def _information() -> list[Column]:
    return [
        Column("bits", lambda r: number(r.information_bits, 3)),
        Column("95 % of bits", lambda r: _ends(r.information_low, r.information_high, 3)),
    ]


def _ends(low: float | None, high: float | None, digits: int = 4) -> str:
    return MISSING if low is None else f"{number(low, digits)} … {number(high, digits)}"


def _witnessed(row: ResultRow) -> str:
    return MISSING if row.witnessed is None else ("yes" if row.witnessed else "no")


def _published(row: ResultRow) -> str:
    if row.published is None:
        return MISSING
    return f"{row.published:.3f} ± {row.published_err:.3f}"
