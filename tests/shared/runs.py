"""What the tests of the application share: the command as a user calls it, and its outcome."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import started

PATIENCE = 300
"""Seconds after which a command counts as hung."""

USER = "zaphod-beeblebrox"
"""A user name that nothing else contains, so that it is found wherever it leaks to."""

ALL_STRATEGIES = """\
# every strategy, both estimators: <script>alert('ü')</script></pre> & "quotes"
name: small
experiment:
  kind: entanglement
  n: [2, 3]
  decrypt: {clone: 1, strategy: [unitary, feedforward, frame, witness]}
  estimator: [bsm, parity]
backend: {provider: stim, device: fake_kingston}
shots: 500
seed: 7
"""


@dataclass(frozen=True)
class Done:
    """A finished command."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def last_line(self) -> str:
        return self.stderr.splitlines()[-1]


@dataclass(frozen=True)
class Finished:
    """A finished run with its folder."""

    done: Done
    folder: Path

    def read_json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    @property
    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.read_json("results.json")
        return rows


def environment(**changes: str) -> dict[str, str]:
    unwanted = ("ENCLONE_RUNS", "ENCLONE_STORE", "COLUMNS", "QISKIT_IBM_TOKEN")
    own = {k: v for k, v in os.environ.items() if k not in unwanted}
    return {**own, "USER": USER, "LOGNAME": USER, "HOSTNAME": f"{USER}-laptop", **changes}


def call_in(cwd: Path, *arguments: str, patience: float = PATIENCE, **changes: str) -> Done:
    process = started.start(arguments, cwd, environment(**changes))
    stdout, stderr = process.communicate(timeout=patience)
    assert process.returncode is not None
    return Done(process.returncode, stdout, stderr)


def run_folders(runs: Path) -> list[Path]:
    """The folders of runs, without the store beside them."""
    return sorted(path for path in runs.iterdir() if (path / "resolved.json").exists())


def run_in(cwd: Path, text: str, *arguments: str) -> Finished:
    (cwd / "c.yaml").write_bytes(text.encode())
    done = call_in(cwd, "run", "c.yaml", *arguments)
    assert done.exit_code == 0, done.stderr
    (folder,) = run_folders(cwd / "runs")
    return Finished(done, folder)
