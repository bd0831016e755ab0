"""What a field of a result row declares about itself, and the columns of exported tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Kind = Literal["integer", "number", "text", "truth", "texts"]

Role = Literal[
    "parameter", "repetition", "circumstance", "outcome", "prediction", "published", "bookkeeping"
]
"""What a field is for; analyses choose fields by their role, never by their name.

=============  ====================================================================================
parameter      defines the point: the same in every run and on every device
repetition     tells several measurements of one point within a run apart
circumstance   where and with which circuits it ran
outcome        follows from the counts
prediction     follows from the calibration
published      was printed elsewhere
bookkeeping    where the counts came from
=============  ====================================================================================
"""

Table = Literal["plan", "result", "report"]

SUM_ROUNDING = 1e-12
"""Tolerance of sums of floats: Python rounds them better since 3.12."""
LIBRARY_ROUNDING = 1e-9
"""Tolerance of what goes through NumPy and SciPy: last digits depend on processor and version."""
SOLVER_ROUNDING = 1e-5
"""Tolerance of what mthree gives, which may solve by iteration."""


@dataclass(frozen=True)
class TableColumn:
    """A column of an exported table.

    Attributes:
        name: of the column.
        kind: of its values; ``texts`` are several.
        meaning: in one sentence.
        unit: of its numbers; empty where they are counts, or ratios without one.
        optional: whether there are rows that have no value.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Shown:
    """How a field is shown in the tables of the terminal and of the report.

    Attributes:
        header: title of its column; empty for the symbol of the value of the experiment.
        digits: decimals of its numbers; None writes them in full.
        text: value → what is written instead; None for the number or text itself.
        absent: what is written where there is no value. A column in which every row has no value,
            or this text, tells nothing and is left out.
        always: whether the column is shown even then.
        shown_with: name of the field that decides instead whether the column is shown.
        error: name of the field that follows after ``±``; a value without it is not shown.
        upper: name of the field that is the upper end of the interval that begins here.
        share: name of the field whose percentage follows in parentheses; a value never stands
            without it.
        numeric: whether it is aligned to the right; None for what the kind of the field says.
        tables: in which tables. A plan has no outcomes, the report has room for more columns.
    """

    header: str
    digits: int | None = None
    text: Callable[[Any], str] | None = None
    absent: str = "-"
    always: bool = False
    shown_with: str = ""
    error: str = ""
    upper: str = ""
    share: str = ""
    numeric: bool | None = None
    tables: frozenset[Table] = frozenset(("plan", "result", "report"))


@dataclass(frozen=True, kw_only=True)
class ResultField(TableColumn):
    """A field of a result row; all that the program knows of it.

    Attributes:
        role: what it is for.
        tolerance: largest absolute difference that is rounding, in the unit of the field.
        shown: its column in the tables of the terminal and of the report; None for no column.
    """

    role: Role
    tolerance: float = 0.0
    shown: Shown | None = None

    def require(self, value: object) -> None:
        """Accept a value of the field.

        Raises:
            ValueError: if it is of another kind, or missing and not optional.
        """
        if value is None and self.optional:
            return
        if isinstance(value, bool) != (self.kind == "truth") or not isinstance(
            value, _TYPES[self.kind]
        ):
            raise ValueError(
                f"'{self.name}' is {value!r}, but its field declares the kind '{self.kind}'"
                f"{' or no value' if self.optional else ''}"
            )


_TYPES: Mapping[Kind, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "text": (str,),
    "truth": (bool,),
    "texts": (tuple, list),
}
_KINDS: Mapping[str, Kind] = {
    "int": "integer",
    "float": "number",
    "str": "text",
    "bool": "truth",
    "tuple[str, ...]": "texts",
}
_DECLARATION = "column"


def column(
    role: Role,
    meaning: str,
    *,
    unit: str = "",
    tolerance: float = 0.0,
    shown: Shown | None = None,
    **default: Any,
) -> Any:
    """A dataclass field that declares itself as a column of results.

    Args:
        role: see :data:`Role`.
        meaning: in one sentence.
        unit: see :class:`TableColumn`.
        tolerance: see :class:`ResultField`.
        shown: see :class:`ResultField`.
        **default: ``default``, if the field has one.
    """
    declared = {
        "role": role,
        "meaning": meaning,
        "unit": unit,
        "tolerance": tolerance,
        "shown": shown,
    }
    return field(metadata={_DECLARATION: declared}, **default)


def beside_the_columns(**default: Any) -> Any:
    """A dataclass field that is no column of results."""
    return field(metadata={_DECLARATION: None}, **default)


def declared_fields(row: type) -> tuple[ResultField, ...]:
    """The columns that a dataclass of results declares, in their order.

    Raises:
        TypeError: if a field declares nothing, or has a type that no column has.

    >>> @dataclass
    ... class Row:
    ...     angle: float | None = column("parameter", "of the rotation", unit="rad")
    >>> [(c.name, c.kind, c.unit, c.optional) for c in declared_fields(Row)]
    [('angle', 'number', 'rad', True)]
    """
    columns = []
    for attribute in fields(row):
        name = f"{row.__name__}.{attribute.name}"
        if _DECLARATION not in attribute.metadata:
            raise TypeError(
                f"{name} declares neither role nor meaning; write it as "
                f"{attribute.name}: {attribute.type} = column(role, meaning, ...)"
            )
        declared = attribute.metadata[_DECLARATION]
        if declared is None:
            continue
        written = attribute.type.__name__ if isinstance(attribute.type, type) else attribute.type
        kind, _, nothing = str(written).partition(" | ")
        if kind not in _KINDS or nothing not in ("", "None"):
            raise TypeError(
                f"{name} has the type {attribute.type}; columns have one of {', '.join(_KINDS)}, "
                "or such a type | None"
            )
        columns.append(
            ResultField(
                name=attribute.name, kind=_KINDS[kind], optional=nothing == "None", **declared
            )
        )
    return tuple(columns)


def csv_text(columns: Sequence[TableColumn], lines: Sequence[Mapping[str, Any]]) -> str:
    """A header and a line for each row; an empty cell is no value, texts are parted by spaces."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for line in lines:
        cells = (line[column.name] for column in columns)
        writer.writerow([" ".join(c) if isinstance(c, list) else c for c in cells])
    return out.getvalue()


COUNT_COLUMNS = (
    TableColumn("circuit", "text", "name of the circuit"),
    TableColumn(
        "identity",
        "text",
        "SHA-256 of what defines its counts; no value for calibrations",
        optional=True,
    ),
    TableColumn("job", "text", "the provider's id of the job that they came from", optional=True),
    TableColumn("outcome", "text", "bits of a shot, classical bit 0 at the right (Qiskit's order)"),
    TableColumn("count", "integer", "shots with this outcome"),
)
"""The columns of a table of counts: one line for each outcome that was seen."""
