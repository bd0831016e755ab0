"""Tables as CSV with its description, Parquet, and JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from runner.errors import MissingExtra
from runner.results.fields import Kind, TableColumn

_CSVW: dict[Kind, dict[str, Any]] = {
    "integer": {"datatype": "integer"},
    "number": {"datatype": "double"},
    "text": {"datatype": "string"},
    "truth": {"datatype": {"base": "boolean", "format": "True|False"}},
    "texts": {"datatype": "string", "separator": " "},
}

Line = Mapping[str, Any]


def csv_description(columns: Sequence[TableColumn], about: Mapping[str, str], file: str) -> bytes:
    """What the columns of a CSV file are, as CSV on the Web has it (W3C, 2015).

    Args:
        columns: of the file.
        about: name → text, of the whole table.
        file: its name; the description lies beside it.
    """
    described: list[dict[str, Any]] = []
    for column in columns:
        one: dict[str, Any] = {"name": column.name, "dc:description": column.meaning}
        if column.unit:
            one["schema:unitText"] = column.unit
        described.append({**one, **_CSVW[column.kind], "required": not column.optional})
    return as_json(
        {
            "@context": "http://www.w3.org/ns/csvw",
            "url": file,
            "dc:description": "; ".join(f"{key}: {text}" for key, text in about.items()),
            "tableSchema": {"columns": described},
        }
    )


def parquet_table(
    columns: Sequence[TableColumn], lines: Sequence[Line], about: Mapping[str, str]
) -> bytes:
    """A Parquet file; meaning and unit stand in the metadata of its fields.

    Raises:
        MissingExtra: if pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra(
            "writing Parquet needs pyarrow, which is not installed: "
            "pip install 'enclone[parquet]', or pip install pyarrow"
        ) from None
    types = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "text": pa.string(),
        "truth": pa.bool_(),
        "texts": pa.list_(pa.string()),
    }
    fields = []
    for column in columns:
        described = {"description": column.meaning}
        if column.unit:
            described["unit"] = column.unit
        fields.append(
            pa.field(column.name, types[column.kind], column.optional, metadata=described)
        )
    table = pa.Table.from_pylist(list(lines), pa.schema(fields, metadata=dict(about)))
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def json_table(
    columns: Sequence[TableColumn], lines: Sequence[Line], about: Mapping[str, str]
) -> bytes:
    """One object: what the table is, its ``columns`` with type, unit and meaning, its ``rows``."""
    described = [
        {
            "name": c.name,
            "type": c.kind,
            "unit": c.unit or None,
            "optional": c.optional,
            "meaning": c.meaning,
        }
        for c in columns
    ]
    names = [column.name for column in columns]
    rows = [{name: line[name] for name in names} for line in lines]
    return as_json({**about, "columns": described, "rows": rows})


def as_json(document: Any) -> bytes:
    """JSON as this program writes it."""
    return (json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()
