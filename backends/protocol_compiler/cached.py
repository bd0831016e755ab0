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
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock

from backends.protocol_compiler.compiled import sources_hash
from backends.protocol_compiler.patterns import shipped_text
from backends.protocol_compiler.placement import Placement
from backends.protocol_compiler.problem import Problem
from backends.protocol_compiler.search import Found, Mapper, search
from backends.snapshot import DeviceSnapshot


def cache_folder() -> Path:
    """Where placements are kept: below ``XDG_CACHE_HOME``, or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "enclone" / "placements"


def best_placement(
    problem: Problem, snapshot: DeviceSnapshot, moves: int, seed: int, mapper: Mapper
) -> Placement | None:
    """The result of :func:`search`, from this process, from disk, or found now.

    Returns:
        The placement, or None if none was found.
    """
    name = _name(problem, snapshot, moves, seed)
    if name not in _KNOWN:
        _KNOWN[name] = _kept(name, lambda: search(problem, snapshot, moves, seed, mapper))
    return _KNOWN[name]


_KNOWN: dict[str, Placement | None] = {}


def _name(problem: Problem, snapshot: DeviceSnapshot, moves: int, seed: int) -> str:
    """All that a search depends on, as a hash."""
    content = hashlib.sha256(f"{sources_hash()} {snapshot.fingerprint} {moves} {seed}".encode())
    content.update(shipped_text().encode())
    for part in problem:
        array = np.asarray(part)
        content.update(f"{array.shape} {array.dtype}".encode())
        content.update(array.tobytes())
    return content.hexdigest()


def _kept(name: str, find: Callable[[], Found | None]) -> Placement | None:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{name}.lock")
        lock.acquire()
    except OSError:
        # A cache that cannot be written costs time, nothing else.
        found = find()
        return found.place if found else None
    try:
        # Several processes that want the same placement wait for the first.
        file = folder / f"{name}.npz"
        known, place = _read(file)
        if not known:
            found = find()
            place = found.place if found else None
            _write(file, place)
        return place
    finally:
        lock.release()


def _read(file: Path) -> tuple[bool, Placement | None]:
    """Whether the file holds a result, and the result."""
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as kept:
            fields = {name: kept[name] for name in kept.files}
    except (OSError, ValueError, zipfile.BadZipFile):
        return False, None  # not there, or cut off: found again and written over
    if set(fields) == set(Placement._fields):
        return True, Placement(**fields)
    return set(fields) == {"nothing"}, None


def _write(file: Path, place: Placement | None) -> None:
    fields = place._asdict() if place is not None else {"nothing": np.zeros(1)}
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".tmp", delete=False) as part:
        np.savez_compressed(part, **fields)
    Path(part.name).replace(file)
