"""Placements that were found before: one search for each structure, device and budget.

A search is the same wherever and whenever it is made, so its result can be kept for good. Files are
written whole and named by everything they depend on; whoever finds one does not search.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from backends.compiling.protocol.compiled import sources_hash
from backends.compiling.protocol.multi.layout import Layout
from backends.compiling.protocol.multi.problem import Patches, parts
from backends.compiling.protocol.multi.search import Mapper as LayoutMapper
from backends.compiling.protocol.multi.search import search as search_layout
from backends.compiling.protocol.patterns import shipped_text
from backends.compiling.protocol.placement import Placement
from backends.compiling.protocol.problem import Problem
from backends.compiling.protocol.search import Mapper, search
from backends.devices.snapshot import DeviceSnapshot


def cache_folder() -> Path:
    """Where placements are kept: below ``XDG_CACHE_HOME``, or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "enclone" / "placements"


def best_placement(
    problem: Problem, snapshot: DeviceSnapshot, moves: int, seed: int, mapper: Mapper
) -> Placement | None:
    """The result of a search, from this process, from disk, or found now.

    Returns:
        The placement, or None if none was found.
    """

    def find() -> Placement | None:
        found = search(problem, snapshot, moves, seed, mapper)
        return found.place if found else None

    name = _name([np.asarray(part) for part in problem], snapshot, moves, seed)
    if name not in _KNOWN:
        _KNOWN[name] = _kept(name, Placement, find)
    return _KNOWN[name]


def best_layout(
    patches: Patches, snapshot: DeviceSnapshot, moves: int, seed: int, mapper: LayoutMapper
) -> Layout | None:
    """The same for several instances.

    Returns:
        The layout, or None if none was found.
    """

    def find() -> Layout | None:
        found = search_layout(patches, snapshot, moves, seed, mapper)
        return found.layout if found else None

    name = _name(parts(patches), snapshot, moves, seed)
    if name not in _KNOWN_LAYOUTS:
        _KNOWN_LAYOUTS[name] = _kept(name, Layout, find)
    return _KNOWN_LAYOUTS[name]


_KNOWN: dict[str, Placement | None] = {}
_KNOWN_LAYOUTS: dict[str, Layout | None] = {}
_Places = TypeVar("_Places", Placement, Layout)


def _name(
    parts_of_problem: Sequence[NDArray[np.generic]],
    snapshot: DeviceSnapshot,
    moves: int,
    seed: int,
) -> str:
    """All that a search depends on, as a hash."""
    content = hashlib.sha256(f"{sources_hash()} {snapshot.fingerprint} {moves} {seed}".encode())
    content.update(shipped_text().encode())
    for array in parts_of_problem:
        content.update(f"{array.shape} {array.dtype}".encode())
        content.update(array.tobytes())
    return content.hexdigest()


def _kept(name: str, kind: type[_Places], find: Callable[[], _Places | None]) -> _Places | None:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{name}.lock")
        lock.acquire()
    except OSError:
        # A cache that cannot be written costs time, nothing else.
        return find()
    try:
        # Several processes that want the same placement wait for the first.
        file = folder / f"{name}.npz"
        known, place = _read(file, kind)
        if not known:
            place = find()
            _write(file, place)
        return place
    finally:
        lock.release()


def _read(file: Path, kind: type[_Places]) -> tuple[bool, _Places | None]:
    """Whether the file holds a result, and the result."""
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as kept:
            fields = {name: kept[name] for name in kept.files}
    except (OSError, ValueError, zipfile.BadZipFile):
        return False, None  # not there, or cut off: found again and written over
    if set(fields) == set(kind._fields):
        return True, kind(**fields)
    return set(fields) == {"nothing"}, None


def _write(file: Path, place: Placement | Layout | None) -> None:
    fields = place._asdict() if place is not None else {"nothing": np.zeros(1)}
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".tmp", delete=False) as part:
        np.savez_compressed(part, **fields)
    Path(part.name).replace(file)
