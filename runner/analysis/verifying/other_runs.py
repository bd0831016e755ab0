"""Other runs of the configuration of a run: the best of many is no result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.errors import RunFolderError
from runner.run_folder.files import read_json
from runner.run_folder.locations import is_run
from runner.store.store import Store

_OF_ONE_RUN = ("name", "seed", "budget")
"""Keys that differ between attempts at the same measurement."""


def other_runs(folder: Path, store: Store | None) -> list[str]:
    """Ids of other runs that measured the same in the same way, whatever their name and seed.

    Args:
        folder: the run; folders beside it are looked at.
        store: a store that is looked at too.

    Raises:
        RunFolderError: if the run's own configuration cannot be read.
        StoreError: if the store cannot be read.
    """
    resolved = read_json(folder, "resolved.json")
    wanted = _measured(resolved)
    known = [*_beside(folder), *(_stored(store, resolved) if store else ())]
    found = {run_id for run_id, other in known if _measured(other) == wanted}
    return sorted(found - {_run_id(folder)})


def _measured(resolved: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in resolved.items() if key not in _OF_ONE_RUN}
    experiment = kept.get("experiment")
    if isinstance(experiment, Mapping) and isinstance(experiment.get("decrypt"), Mapping):
        # What auto chose depends on the day's calibration.
        decrypt = {k: v for k, v in experiment["decrypt"].items() if k != "chosen"}
        kept["experiment"] = {**experiment, "decrypt": decrypt}
    return kept


def _beside(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for place in folder.resolve().parent.iterdir():
        if is_run(place):
            try:
                yield _run_id(place), read_json(place, "resolved.json")
            except RunFolderError:
                # A damaged folder says so when it is verified itself.
                continue


def _stored(store: Store, resolved: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    backend = resolved.get("backend", {})
    for run in store.runs_on(backend.get("provider", ""), Path(backend.get("device", "")).name):
        yield run.id, run.document["resolved"]


def _run_id(folder: Path) -> str:
    try:
        stated = read_json(folder, "provenance.json").get("run")
    except RunFolderError:
        stated = None
    return str(stated or folder.resolve().name)
