"""The kinds of experiment that there are: built in, and brought by other packages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

from backends.plugins import Plugins, load_plugins
from runner.errors import UserError
from runner.kinds.contract.kind import ExperimentKind
from runner.results.rows import ResultRow


class UnknownKind(UserError):
    """A run of a kind that comes from a package which is not installed, or broken."""


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


GROUP = "enclone.experiments"
"""Entry points of this group bring kinds from other packages; each leads to one record."""


@cache
def _built_in() -> Mapping[str, ExperimentKind]:
    records: list[ExperimentKind] = [
        import_module(f"runner.kinds.{module}").KIND for module in _BUILT_IN
    ]
    return {record.name: record for record in records}


@cache
def plugins() -> Plugins[ExperimentKind]:
    """The kinds of other packages, and those that are skipped because they are broken."""
    return load_plugins(GROUP, ExperimentKind, lambda record: record.name, _built_in())


@cache
def kinds() -> Mapping[str, ExperimentKind]:
    """Every kind by its name, those built in first."""
    brought = {plugin.record.name: plugin.record for plugin in plugins().sound}
    return MappingProxyType({**_built_in(), **brought})


def kind_of(name: str) -> ExperimentKind:
    """The record of a kind.

    Raises:
        UnknownKind: if there is none of that name.
    """
    found = kinds().get(name)
    if found is None:
        raise UnknownKind(
            f"experiment kind '{name}' is not known here, but only {', '.join(kinds())}; install "
            "the package that brings it ('enclone doctor' names packages that are broken)"
        )
    return found


def row_from_dict(document: Any) -> ResultRow:
    """A result row, with the fields that its kind of experiment declares.

    Raises:
        ValueError: if a field is missing, unknown, or of another type, or there is no such kind.
        TypeError: if the document is no mapping: a damaged file may hold anything.
    """
    if not isinstance(document, Mapping):
        raise TypeError(f"a result row is {document!r}, which is no object")
    name = document.get("experiment")
    if not isinstance(name, str):
        return ResultRow.from_dict(document)
    try:
        kind = kind_of(name)
    except UnknownKind as error:
        raise ValueError(str(error)) from None
    return ResultRow.from_dict(document, kind.fields)
