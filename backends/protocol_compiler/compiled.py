"""Compilation of inner loops to machine code, typed for the rest of the project."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., object])


@cache
def _folder() -> str:
    """Where machine code is kept: one folder for each state of this package's sources.

    numba looks at the file of a function alone, and would go on using an old version of whatever
    it calls.
    """
    here = Path(__file__).parent
    content = hashlib.sha256()
    for file in sorted(here.glob("*.py")):
        content.update(file.read_bytes())
    place = here / "__pycache__"
    if not os.access(place if place.is_dir() else here, os.W_OK):
        place = Path.home() / ".cache" / "enclone"
    return str(place / f"machine-code-{content.hexdigest()[:16]}")


def machine_code(function: _F) -> _F:
    """Compile a function on its first call; the machine code is kept on disk."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = _folder()
    try:
        return cast(_F, numba.njit(cache=True)(function))
    finally:
        numba.config.CACHE_DIR = before
