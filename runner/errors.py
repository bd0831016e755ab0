"""Errors that end a command, each with its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PENDING = 3
EXIT_PARTLY_FAILED = 4
EXIT_OVER_BUDGET = 5
EXIT_INTERRUPTED = 130


class UserError(Exception):
    """An error that the user can correct; shown as a line of text, without a traceback.

    Attributes:
        exit_code: exit code of the command.
    """

    exit_code = EXIT_FAILED


class RunFolderError(UserError):
    """A run folder is missing, incomplete or unreadable."""


class DamagedFile(RunFolderError):
    """A file of a run folder is missing or cannot be read.

    Attributes:
        file: its path within the folder.
        problem: what is wrong with it.
    """

    def __init__(self, run: str, file: str, problem: str) -> None:
        super().__init__(f"'{file}' of run '{run}' {problem}")
        self.file = file
        self.problem = problem


class ExportError(UserError):
    """An export cannot be written to its target."""


class MissingExtra(UserError):
    """An optional library is missing; the message says how to install it."""


class OverBudget(UserError):
    """The plan costs more than the budget of the configuration allows."""

    exit_code = EXIT_OVER_BUDGET


def printable(text: str, longest: int = 400) -> str:
    r"""A text as a single line of printable characters, its middle cut out if it is very long.

    >>> print(printable("a\nb"))
    a\nb
    """
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if len(escaped) <= longest:
        return escaped
    half = (longest - 3) // 2
    return f"{escaped[:half]} … {escaped[-half:]}"


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a configuration.

    Attributes:
        place: ``file:line:column``, or the override that caused it.
        message: what is wrong, and what would be right.
    """

    place: str
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", printable(self.place))
        object.__setattr__(self, "message", printable(self.message))

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ConfigError(UserError):
    """A configuration that cannot be run.

    Attributes:
        problems: its problems, in the order of the file.
    """

    exit_code = EXIT_USAGE

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
