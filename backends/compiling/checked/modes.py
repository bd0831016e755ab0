"""How unused qubits are read."""

from __future__ import annotations

from typing import Literal, get_args

Checks = Literal["none", "read", "pairs"]
"""Not at all, each alone, or neighbours as Bell pairs too."""
CHECKS: tuple[Checks, ...] = get_args(Checks)
