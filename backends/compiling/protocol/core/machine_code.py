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
from numba.extending import overload

_F = TypeVar("_F", bound=Callable[..., object])

_PACKAGE = Path(__file__).parents[1]
"""The protocol compiler."""

_KEPT_SECONDS = 30 * 86_400.0
"""Machine code of other versions is kept as long after its last use: two may be in use by turns."""


@cache
def sources_hash() -> str:
    """A hash of the sources of the protocol compiler."""
    content = hashlib.sha256()
    for file in sorted(_PACKAGE.rglob("*.py")):
        content.update(file.read_bytes())
    return content.hexdigest()[:16]


@cache
def _folder() -> Path:
    """Where machine code is kept: one folder for each state of the compiler's sources.

    numba looks at the file of a function alone, and would go on using an old version of what that
    calls.
    """
    parent = _PACKAGE / "__pycache__"
    if not os.access(parent if parent.is_dir() else _PACKAGE, os.W_OK):
        parent = Path.home() / ".cache" / "enclone"
    mine = parent / f"machine-code-{sources_hash()}"
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
    """Whether machine code is kept of a package inside the compiler: ``single``, ``multi``."""
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


def implements(step: Callable[..., object], kind: type) -> Callable[[_F], _F]:
    """Let compiled functions that call ``step`` call another function, by their first argument.

    So one compiled loop serves several kinds of problems: what it calls is chosen when it is
    compiled, not when it runs.

    Args:
        step: a function without content.
        kind: the named tuple that the first argument is.
    """

    def register(function: _F) -> _F:
        def call(*arguments: object) -> object:
            return function(*arguments)

        def choose(first: object, *_: object) -> object:
            return call if getattr(first, "instance_class", None) is kind else None

        overload(step, strict=False)(choose)
        return function

    return register
