"""The kinds of experiment that there are: built in, and brought by other packages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from runner.kinds.contract.kind import ExperimentKind

_BUILT_IN = (
    "entanglement",
    "chsh",
    "iterated",
    "ghz",
    "correlators",
    "storage",
    "leakage",
)
"""Modules of this package; each has its record under the name ``KIND``."""


@cache
def kinds() -> Mapping[str, ExperimentKind]:
    """Every kind by its name, those built in first."""
    records: list[ExperimentKind] = [
        import_module(f"runner.kinds.{module}").KIND for module in _BUILT_IN
    ]
    return MappingProxyType({record.name: record for record in records})


def kind_of(name: str) -> ExperimentKind:
    """The record of a kind.

    Raises:
        KeyError: if there is no such kind.
    """
    return kinds()[name]
