"""Whether ``experiments``, ``backends`` and ``runner`` are those of this program.

Their names are common: a folder of the user's own of such a name is found first where Python looks
into the folder in which it was started, or where ``PYTHONPATH`` leads.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

OWN = ("experiments", "backends", "runner")
"""The packages beside this one that it stands on."""


class ShadowedPackage(ImportError):
    """Another package has the name of one of this program's.

    Attributes:
        name: the name.
        path: where the other package is.
    """


def require_own_packages() -> None:
    """Look where Python finds the packages of this program; nothing is imported.

    Raises:
        ShadowedPackage: if one of them is another's.
    """
    home = Path(__file__).resolve().parent.parent
    for name in OWN:
        found = _location(name)
        if found is not None and found.resolve() == home / name:
            continue
        if found is None:
            raise ShadowedPackage(
                f"package '{name}' of enclone is missing in '{home}': install enclone again",
                name=name,
            )
        raise ShadowedPackage(
            f"'{found}' is in the way: enclone has a package '{name}' too, in '{home}', and "
            f"Python finds yours first; rename your '{found.name}', or start Python in another "
            "folder, or with 'python -P' and without that folder in PYTHONPATH",
            name=name,
            path=str(found),
        )


def _location(name: str) -> Path | None:
    """The folder or file that Python takes for a package; None if there is none."""
    spec = _spec(name)
    if spec is None:
        return None
    if spec.origin and spec.has_location:
        file = Path(spec.origin)
        return file.parent if file.name == "__init__.py" else file
    return next((Path(folder) for folder in spec.submodule_search_locations or ()), None)


def _spec(name: str) -> ModuleSpec | None:
    module = sys.modules.get(name)
    return find_spec(name) if module is None else module.__spec__
