"""Records that other packages bring by entry points; one that is broken stops no other."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

R = TypeVar("R")


class BadPlugin(ValueError):
    """An entry point that leads to nothing that can be used."""


@dataclass(frozen=True)
class Plugin(Generic[R]):
    """A record from another package.

    Attributes:
        record: what the entry point leads to.
        name: of the record, as configurations use it.
        package: name of the package.
        version: of the package.
    """

    record: R
    name: str
    package: str
    version: str


@dataclass(frozen=True)
class BrokenPlugin:
    """An entry point that cannot be used, and is skipped.

    Attributes:
        group: of the entry point, such as ``enclone.experiments``.
        name: of the entry point.
        target: what it leads to, ``module:attribute``.
        package: name and version of its package.
        problem: what is wrong, in one line.
    """

    group: str
    name: str
    target: str
    package: str
    problem: str


@dataclass(frozen=True)
class Plugins(Generic[R]):
    """What all entry points of a group came to, by name of the entry point.

    Attributes:
        sound: those that can be used.
        broken: those that are skipped.
    """

    sound: tuple[Plugin[R], ...]
    broken: tuple[BrokenPlugin, ...]

    def packages_of(self, name: str) -> tuple[str, ...]:
        """The package that brought the record of that name; none if it is built in."""
        return tuple(plugin.package for plugin in self.sound if plugin.name == name)


def load_plugins(
    group: str, record_type: type[R], name_of: Callable[[R], str], taken: Iterable[str]
) -> Plugins[R]:
    """Load every entry point of a group.

    Args:
        group: of entry points, such as ``enclone.experiments``.
        record_type: what each must lead to.
        name_of: a record → the name that configurations use.
        taken: names that records of other packages may not have.
    """
    names = set(taken)
    sound: list[Plugin[R]] = []
    broken: list[BrokenPlugin] = []
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
        package, version = _package(entry)
        try:
            record = _loaded(entry, record_type)
            name = name_of(record)
            _require_free(name, names)
        except Exception as error:
            # Other people's code: whatever it raises is reported, and the others are loaded.
            problem = " ".join(f"{type(error).__name__}: {error}".split())
            if isinstance(error, BadPlugin):
                problem = str(error)
            about = f"{package} {version}".strip()
            broken.append(BrokenPlugin(group, entry.name, entry.value, about, problem))
        else:
            names.add(name)
            sound.append(Plugin(record, name, package, version))
    return Plugins(tuple(sound), tuple(broken))


def _loaded(entry: EntryPoint, record_type: type[R]) -> R:
    record = entry.load()
    if not isinstance(record, record_type):
        raise BadPlugin(
            f"must be a record of type {record_type.__name__}, but is of type "
            f"{type(record).__name__}"
        )
    return record


def _require_free(name: str, taken: Container[str]) -> None:
    if name in taken:
        raise BadPlugin(f"the name '{name}' is taken; choose another")


def _package(entry: EntryPoint) -> tuple[str, str]:
    if entry.dist is None:
        return "an unknown package", ""
    return entry.dist.name, entry.dist.version
