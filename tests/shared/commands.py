"""The commands of the job manager as a user calls them, each in a process of its own."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import started

from backends.providers.rehearsal.cloud import Cloud, CloudJob

HOUR = 3600
"""Seconds; whoever starts a job that waits so long ends its queue by hand."""


@dataclass(frozen=True)
class Called:
    """A finished command."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


class Shell:
    """A user in a folder, with a configuration for a rehearsal cloud in ``c.yaml``."""

    def __init__(self, place: Path, **environment: str) -> None:
        self.place = place
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("ENCLONE_")},
            **environment,
        }

    def configure(self, provider: str = "rehearsal", **rehearsal: Any) -> None:
        """Four circuits in two jobs, unless the settings say otherwise."""
        backend: dict[str, Any] = {"provider": provider, "device": "ideal"}
        if provider == "rehearsal":
            backend["rehearsal"] = {"circuits_per_job": 2, "poll_seconds": 0.1, **rehearsal}
        document = {
            "name": "t",
            "experiment": {"kind": "entanglement", "n": 2, "estimator": ["bsm", "parity"]},
            "backend": backend,
            "shots": 20,
            "seed": 3,
        }
        (self.place / "c.yaml").write_text(json.dumps(document), encoding="utf-8")

    def start(self, *arguments: str, before: Callable[[], object] | None = None) -> Any:
        return started.start(arguments, self.place, self.environment, before=before)

    def __call__(self, *arguments: str, before: Callable[[], object] | None = None) -> Called:
        process = self.start(*arguments, before=before)
        stdout, stderr = process.communicate(timeout=120)
        assert "Traceback" not in stderr, stderr
        return Called(process.returncode, stdout, stderr)

    @property
    def run(self) -> Path:
        """The folder of the only run."""
        (folder,) = [p for p in (self.place / "runs").iterdir() if (p / "resolved.json").exists()]
        return folder

    def cloud_jobs(self) -> list[CloudJob]:
        """What the cloud of the only run has made."""
        import time

        (file,) = (self.place / "runs" / ".rehearsal").glob("*.sqlite")
        return Cloud(file, time.time).jobs()

    def end_the_queue(self) -> None:
        """Let the hour that configured jobs wait for be over, on every cloud."""
        for file in (self.place / "runs" / ".rehearsal").glob("*.sqlite"):
            with closing(sqlite3.connect(file, timeout=30)) as cloud, cloud:
                cloud.execute("UPDATE jobs SET created_seconds = created_seconds - ?", (HOUR,))

    def counts(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.run / "counts").iterdir()}
