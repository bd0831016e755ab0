"""Errors that end a command, each with its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTLY_FAILED = 4
EXIT_OVER_BUDGET = 5
EXIT_INTERRUPTED = 130


class UserError(Exception):
    """Something the user can mend; shown as one line, never as a traceback.

    Attributes:
        exit_code: what the command exits with.
    """

    exit_code = EXIT_FAILED


class RunFolderError(UserError):
    """A run folder is missing, incomplete or unreadable."""


class OverBudget(UserError):
    """The plan costs more than the budget of the configuration allows."""

    exit_code = EXIT_OVER_BUDGET


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration.

    Attributes:
        place: ``file:line:column``, or the override that caused it.
        message: what is wrong, and what would be right.
    """

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ConfigError(UserError):
    """A configuration that cannot be run.

    Attributes:
        problems: all that is wrong, in the order of the file.
    """

    exit_code = EXIT_USAGE

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
