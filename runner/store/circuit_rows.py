"""Rows of circuits as records."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from runner.store.records import CircuitRecord


def circuit_of(row: Row[Any]) -> CircuitRecord:
    """A circuit as it stands in the store."""
    fields = {k: v for k, v in row._mapping.items() if k in CircuitRecord.__dataclass_fields__}
    fields["seed"] = int(fields["seed"])
    fields["failure"] = json.loads(fields["failure"]) if fields["failure"] else None
    return CircuitRecord(**fields)
