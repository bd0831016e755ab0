"""Placements that were found before: one search for each structure, device and budget.

A search is the same wherever and whenever it is made, so its result can be kept for good. Files are
written whole and named by everything they depend on; a process that finds one does not search.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import sources_hash
from backends.devices.snapshot import DeviceSnapshot


class _NamedArrays(Protocol):
    """A ``NamedTuple`` of arrays."""

    def _asdict(self) -> dict[str, Any]: ...


_Placed = TypeVar("_Placed", bound=_NamedArrays)

_KNOWN: dict[str, _NamedArrays | None] = {}


def cache_folder() -> Path:
    """Where placements are kept: below ``XDG_CACHE_HOME``, or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "enclone" / "placements"


def forget() -> None:
    """Forget what this process knows; files stay."""
    _KNOWN.clear()


def arrays_of(problem: Iterable[object]) -> list[NDArray[np.generic]]:
    """All fields of a problem as arrays, in order, those of problems inside it included."""
    out: list[NDArray[np.generic]] = []
    for field in problem:
        out += arrays_of(field) if isinstance(field, tuple) else [np.asarray(field)]
    return out


def found_once(
    kind: type[_Placed],
    problem: Iterable[object],
    snapshot: DeviceSnapshot,
    moves: int,
    seed: int,
    find: Callable[[], _Placed | None],
    also: str = "",
) -> _Placed | None:
    """The result of a search, from this process, from disk, or found now.

    Args:
        kind: the type of the result.
        problem: what is placed, a named tuple of numbers and arrays.
        snapshot: the device.
        moves: budget of the search.
        seed: of the search.
        find: makes the search.
        also: what else the result depends on.

    Returns:
        The placement, or None if none was found.
    """
    name = _name(kind, problem, snapshot, moves, seed, also)
    if name not in _KNOWN:
        _KNOWN[name] = _kept(name, kind, find)
    return cast("_Placed | None", _KNOWN[name])


def _name(
    kind: type[_NamedArrays],
    problem: Iterable[object],
    snapshot: DeviceSnapshot,
    moves: int,
    seed: int,
    also: str,
) -> str:
    """All that a search depends on, as a hash."""
    fixed = f"{kind.__name__} {sources_hash()} {snapshot.fingerprint} {moves} {seed} {also}"
    content = hashlib.sha256(fixed.encode())
    for array in arrays_of(problem):
        content.update(f"{array.shape} {array.dtype}".encode())
        content.update(array.tobytes())
    return content.hexdigest()


def _kept(name: str, kind: type[_Placed], find: Callable[[], _Placed | None]) -> _Placed | None:
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
        known, placed = _read(file, kind)
        if not known:
            placed = find()
            _write(file, placed)
        return placed
    finally:
        lock.release()


def _read(file: Path, kind: type[_Placed]) -> tuple[bool, _Placed | None]:
    """Whether the file holds a result, and the result."""
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as kept:
            fields = {name: kept[name] for name in kept.files}
    except (OSError, ValueError, zipfile.BadZipFile):
        return False, None  # not there, or cut off: found again and written over
    if set(fields) == set(kind.__annotations__):
        return True, kind(**fields)
    return set(fields) == {"nothing"}, None


def _write(file: Path, placed: _NamedArrays | None) -> None:
    fields = placed._asdict() if placed is not None else {"nothing": np.zeros(1)}
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".tmp", delete=False) as part:
        np.savez_compressed(part, **fields)
    Path(part.name).replace(file)
