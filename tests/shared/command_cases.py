"""Configurations and checks for tests of the command line."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from click.testing import Result
from runs import Done, Finished
from started import Running

Call = Callable[..., Done]
Invoke = Callable[..., Result]
Finish = Callable[..., Finished]
ONE = "experiment: {kind: entanglement, n: 2}\nshots: 200\n"
IDEAL = f"{ONE}backend: {{device: ideal}}\n"
MISSPELT = ONE.replace("shots", "shotz")


def is_one_line_error(result: Result, exit_code: int = 1) -> bool:
    return (
        (result.exit_code, result.stdout) == (exit_code, "")
        and isinstance(result.exception, SystemExit)
        and len(result.stderr.splitlines()) == 1
    )


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


Process = Running | subprocess.Popen[str]
Start = Callable[[str], Process]
