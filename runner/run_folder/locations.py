"""Where runs are kept, and how one of them is named."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from runner.errors import RunFolderError, printable
from runner.paths import expanded

_BEGUN = re.compile(r"\d{8}T\d{6}Z-")
_COUNTED = re.compile(r"-\d{3}$")
_LISTED = 5
"""So many candidates are listed of those that a user may have meant."""


def runs_folder(out: str | None) -> Path:
    """Where runs are kept: ``--out``, else ``ENCLONE_RUNS``, else ``./runs``."""
    return expanded(out or os.environ.get("ENCLONE_RUNS") or "runs")


def find(runs: Path, wanted: str) -> Path:
    """A run folder by path, id, unambiguous name or start of the id, or ``latest``.

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


def choose(known: Sequence[str], wanted: str, where: str) -> str:
    """One of the known runs: the ``latest``, or by its id, its name, or the start of its id.

    Args:
        known: ids in the order in which the runs began; each is the time of its start, the run's
            name, and a number if several of a name began in the same second.
        wanted: what the user gave.
        where: where they were looked for.

    Raises:
        RunFolderError: if there is no such run, or several.
    """
    if not known:
        raise RunFolderError(
            f"there is no run in {where}; start one with 'enclone run CONFIG', or name another "
            "place with --out or ENCLONE_RUNS"
        )
    if wanted == "latest":
        return known[-1]
    if wanted in known:
        return wanted
    named = [run_id for run_id in known if _has_name(run_id, wanted)]
    found = named or [run_id for run_id in known if run_id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise RunFolderError(
            f"no run in {where} is called '{printable(wanted)}' or starts with it; the latest is "
            f"'{known[-1]}'"
        )
    listed = ", ".join(found[-_LISTED:])
    if len(found) > _LISTED:
        listed = f"{len(found) - _LISTED} older ones, {listed}"
    what = "is the name of" if named else "could be any of"
    raise RunFolderError(
        f"'{wanted}' {what} {len(found)} runs: {listed}; give the start of one of these, or "
        "'latest'"
    )


def _has_name(run_id: str, name: str) -> bool:
    """Whether an id is that of a run of a name."""
    begun = _BEGUN.match(run_id)
    rest = run_id[begun.end() :] if begun else run_id
    return rest == name or (
        rest.startswith(f"{name}-") and _COUNTED.match(rest, len(name)) is not None
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
