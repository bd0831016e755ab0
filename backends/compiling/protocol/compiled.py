"""Compilation of inner loops to machine code, typed for the rest of the project."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., object])

_KEPT_SECONDS = 30 * 86_400.0
"""Machine code of other versions is kept as long after its last use: two may be in use by turns."""


@cache
def sources_hash() -> str:
    """A hash of the sources of this package and those inside it."""
    content = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        content.update(file.read_bytes())
    return content.hexdigest()[:16]


@cache
def _folder() -> Path:
    """Where machine code is kept: one folder for each state of this package's sources.

    numba looks at the file of a function alone, and would go on using an old version of whatever
    it calls.
    """
    here = Path(__file__).parent
    place = here / "__pycache__"
    if not os.access(place if place.is_dir() else here, os.W_OK):
        place = Path.home() / ".cache" / "enclone"
    mine = place / f"machine-code-{sources_hash()}"
    with suppress(OSError):
        # What cannot be tidied up only takes up room.
        _used_now(mine)
    return mine


def _used_now(mine: Path) -> None:
    """Note that a folder is in use, and remove those beside it that no longer are."""
    mine.mkdir(parents=True, exist_ok=True)
    os.utime(mine)
    for other in mine.parent.glob("machine-code-*"):
        if time.time() - other.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(other)


def is_kept(package: str) -> bool:
    """Whether machine code is kept of a package: ``protocol`` or one inside it."""
    return any(_folder().glob(f"{package}_*/*.nbc"))


def machine_code(function: _F) -> _F:
    """Compile a function on its first call, free for threads; the machine code is kept on disk."""
    return _compiled(function, wrapped=True)


def inner_machine_code(function: _F) -> _F:
    """The same for a function that compiled functions alone call: no time goes into wrappers."""
    return _compiled(function, wrapped=False)


def _compiled(function: _F, *, wrapped: bool) -> _F:
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_folder())
    try:
        decorate = numba.njit(
            cache=True, nogil=True, no_cfunc_wrapper=True, no_cpython_wrapper=not wrapped
        )
        return cast(_F, decorate(function))
    finally:
        numba.config.CACHE_DIR = before
