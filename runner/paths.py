"""Paths as users write them in variables and files."""

from __future__ import annotations

from pathlib import Path


def expanded(path: str) -> Path:
    """A path with ``~`` as the home folder, which no shell replaces in a variable or file."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)  # there is no such home folder
