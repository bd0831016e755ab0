"""Compilation of inner loops to machine code, typed for the rest of the project."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., object])


def machine_code(function: _F) -> _F:
    """Compile a function on its first call; the machine code is kept on disk."""
    return cast(_F, numba.njit(cache=True)(function))
