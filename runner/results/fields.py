"""The fields of a result row as columns of a table: type, unit and meaning."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, fields
from typing import Literal

from runner.results.rows import ResultRow

Kind = Literal["integer", "number", "text", "truth", "texts"]

_KINDS: dict[str, Kind] = {
    "int": "integer",
    "float": "number",
    "str": "text",
    "bool": "truth",
    "tuple[str, ...]": "texts",
}
_UNITS = {
    "idle_microseconds": "µs",
    **dict.fromkeys(("information_bits", "information_low", "information_high"), "bit"),
}
_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


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


def row_columns() -> list[TableColumn]:
    """The columns of a table of results, as its dataclass describes them."""
    meanings = {
        name: " ".join(text.split()).rstrip(".").replace("``", "").replace("None", "no value")
        for name, text in _ATTRIBUTE.findall(inspect.getdoc(ResultRow) or "")
    }
    columns = []
    for one in fields(ResultRow):
        kind, _, none = str(one.type).partition(" | ")
        meaning, unit = meanings.get(one.name, ""), _UNITS.get(one.name, "")
        columns.append(TableColumn(one.name, _KINDS[kind], meaning, unit, optional=bool(none)))
    return columns


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
