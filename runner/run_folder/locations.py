"""Where runs are kept, and how one of them is named."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from runner.errors import RunFolderError, printable


def runs_folder(out: str | None) -> Path:
    """Where runs are kept: ``--out``, else ``ENCLONE_RUNS``, else ``./runs``."""
    return Path(out or os.environ.get("ENCLONE_RUNS") or "runs")


def find(runs: Path, wanted: str) -> Path:
    """A run folder by path, id, unambiguous prefix, or ``latest``.

    Raises:
        RunFolderError: if there is no such run, or several.
    """
    if is_run(Path(wanted)):
        return Path(wanted)
    known = sorted(p.name for p in (runs.iterdir() if runs.is_dir() else ()) if is_run(p))
    return runs / choose(known, wanted, f"'{runs}'")


def find_folder(runs: Path, wanted: str) -> Path:
    """The same, but a folder given by its path may lack any file, which is told where it is read.

    Raises:
        RunFolderError: if there is no such run, or several.
    """
    place = Path(wanted)
    if place.is_dir() and any((place / name).exists() for name in ("counts", "provenance.json")):
        return place
    return find(runs, wanted)


def choose(known: Sequence[str], wanted: str, place: str) -> str:
    """One of the known names, by name, unambiguous prefix or ``latest``, which is the last.

    Args:
        known: names in the order in which the runs began.
        wanted: what the user gave.
        place: where they were looked for.

    Raises:
        RunFolderError: if there is no such run, or several.
    """
    if not known:
        raise RunFolderError(
            f"there is no run in {place}; start one with 'enclone run CONFIG', or name another "
            "place with --out or ENCLONE_RUNS"
        )
    if wanted == "latest":
        return known[-1]
    if wanted in known:
        return wanted
    matching = [name for name in known if name.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise RunFolderError(
            f"no run in {place} starts with '{printable(wanted)}'; the latest is '{known[-1]}'"
        )
    raise RunFolderError(
        f"'{wanted}' could be any of {len(matching)} runs, from '{matching[0]}' to "
        f"'{matching[-1]}'; give more of the name"
    )


def require_writable(runs: Path) -> None:
    """Raise :class:`RunFolderError` where no run could be written, before any work is done."""
    place = runs.absolute()
    nearest = next(p for p in (place, *place.parents) if p.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise RunFolderError(
            f"the run folder '{runs}/' cannot be made: '{nearest.name}' is no folder that may be "
            "written to; choose another place with --out or ENCLONE_RUNS"
        )


def is_run(place: Path) -> bool:
    """Whether a place is a run folder."""
    try:
        return (place / "resolved.json").is_file()
    except OSError:
        return False  # such a name cannot exist
