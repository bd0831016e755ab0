"""Database rows of circuits as records."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from runner.store.records import CircuitRecord


def circuit_record(row: Row[Any]) -> CircuitRecord:
    """The record of one row of the table of circuits."""
    fields = {k: v for k, v in row._mapping.items() if k in CircuitRecord.__dataclass_fields__}
    fields["seed"] = int(fields["seed"])
    fields["failure"] = json.loads(fields["failure"]) if fields["failure"] else None
    return CircuitRecord(**fields)
