"""The simulated cloud itself: jobs, queue, results and bill in one SQLite file.

The file is the service's own memory, apart from anything that its users keep. Each call is one
transaction, so any number of processes may use it and each may be killed at any time.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from qiskit.primitives import BitArray

from backends.adapter import CircuitFailure, JobState, ProviderError, Usage
from backends.devices.catalog import IDEAL
from backends.devices.snapshot import DeviceSnapshot
from backends.providers.rehearsal.messages import CloudJob, HttpError, SentCircuit, unpack
from backends.providers.rehearsal.settings import SETTINGS, CloudSettings
from backends.simulation.stim_sampler import sample

_TABLES = """
CREATE TABLE IF NOT EXISTS settings (document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS devices (name TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS calls (name TEXT PRIMARY KEY, times INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS circuits
    (position INTEGER PRIMARY KEY, fingerprint TEXT UNIQUE NOT NULL, sent INTEGER DEFAULT 1);
CREATE TABLE IF NOT EXISTS jobs
    (number INTEGER PRIMARY KEY AUTOINCREMENT, tag TEXT NOT NULL, token TEXT NOT NULL,
     device TEXT NOT NULL, created_seconds REAL NOT NULL, cancelled INTEGER NOT NULL DEFAULT 0,
     size INTEGER NOT NULL, billed_shots INTEGER NOT NULL,
     circuits TEXT NOT NULL, failures TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_by_tag ON jobs (tag);
"""


class Cloud:
    """The service. Its calls raise HttpError with what it would answer: 400, 404 or 409.

    Args:
        path: its file; if missing, it is made when the cloud is first called.
        clock: time in seconds, the same for all processes.
        settings: its behaviour; None for that of the file, or the defaults in a new one.

    Raises:
        ProviderError: if the file cannot be used or was made with other settings.
    """

    def __init__(
        self, path: Path, clock: Callable[[], float], settings: CloudSettings | None = None
    ) -> None:
        self._path = path
        self._clock = clock
        self._made = False
        self.settings = settings or CloudSettings()
        self._wanted = settings
        if path.exists():
            self.make()
        nearest = next(p for p in path.absolute().parents if p.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            raise _unusable(path, f"'{nearest.name}' is no folder that may be written to")

    def make(self) -> None:
        """Make the file, or read how an old one behaves.

        Raises:
            ProviderError: if the file cannot be used or was made with other settings.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self.settings = self._open(self._wanted)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise _unusable(self._path, str(error)) from error
        self._made = True
        wanted = self._wanted
        if wanted is not None and wanted != self.settings:
            kept, asked = asdict(self.settings), asdict(wanted)
            other = ", ".join(
                f"{k} {kept[k]!r}, not {asked[k]!r}" for k in kept if kept[k] != asked[k]
            )
            raise ProviderError(
                f"the rehearsal cloud in '{self._path}' keeps the settings it was made with: "
                f"{other}",
                remedy="leave its settings out, or name a new file",
            )

    def _open(self, settings: CloudSettings | None) -> CloudSettings:
        with self._exclusively() as db:
            for statement in _TABLES.split(";"):
                db.execute(statement)
            row = db.execute("SELECT document FROM settings").fetchone()
            if row is None:
                document = SETTINGS.dump_json(settings or CloudSettings()).decode()
                db.execute("INSERT INTO settings VALUES (?)", (document,))
        # Fails rather than waits while others are at work; whoever opens the file next does it.
        with suppress(sqlite3.OperationalError), closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        return SETTINGS.validate_json(document if row is None else row["document"])

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        connection.row_factory = sqlite3.Row
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if not self._made:
            self.make()
        with self._exclusively() as connection:
            yield connection

    @contextmanager
    def _exclusively(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            # An exception closes the connection, which rolls the transaction back.
            yield connection
            connection.execute("COMMIT")

    def add_device(self, device: DeviceSnapshot | None) -> str:
        """Offer a device (None: a perfect one); return the name under which jobs ask for it."""
        name, document = (device.fingerprint, device.to_json()) if device else (IDEAL, "null")
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO devices VALUES (?, ?)", (name, document))
        return name

    def count_call(self, name: str) -> int:
        """Count one more call of that name; return how many there were with it."""
        with self._transaction() as db:
            (row,) = db.execute(
                "INSERT INTO calls VALUES (?, 1) "
                "ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times",
                (name,),
            )
            return int(row["times"])

    def misfit(self, shots: Sequence[int]) -> str:
        """Why a job of circuits with so many shots is too large or too small; empty if it fits."""
        most, most_shots = self.settings.circuits_per_job, self.settings.shots_per_job
        if 1 <= len(shots) <= most and sum(shots) <= most_shots and min(shots) >= 1:
            return ""
        return (
            f"a job holds 1 to {most} circuits of 1 shot or more, {most_shots} shots in all; "
            f"this one has {len(shots)} circuits and {sum(shots)} shots"
        )

    def submit(self, tag: str, token: str, device: str, sent: Sequence[SentCircuit]) -> CloudJob:
        """Make a job."""
        if problem := self.misfit([circuit.shots for circuit in sent]):
            raise HttpError(400, problem)
        with self._transaction() as db:
            if not db.execute("SELECT 1 FROM devices WHERE name = ?", (device,)).fetchone():
                raise HttpError(400, f"no device '{device}'")
            if self.settings.honours_tokens:
                for row in db.execute("SELECT * FROM jobs WHERE token = ?", (token,)):
                    return self._job(row)
            failures = [self._failure(db, circuit) for circuit in sent]
            ran = (not (failure and failure.safe_to_retry) for failure in failures)
            billed_shots = sum(c.shots for c, billed in zip(sent, ran, strict=True) if billed)
            (row,) = db.execute(
                "INSERT INTO jobs (tag, token, device, created_seconds, size, billed_shots, "
                "circuits, failures) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
                (
                    *(tag, token, device, self._clock(), len(sent), billed_shots),
                    json.dumps([asdict(circuit) for circuit in sent]),
                    json.dumps([failure and asdict(failure) for failure in failures]),
                ),
            )
            return self._job(row)

    def find(self, tag: str) -> list[CloudJob]:
        """Jobs with a tag that are old enough to be listed, in the order of their making."""
        newest_seconds = self._clock() - self.settings.listing_lag_seconds
        query = "SELECT * FROM jobs WHERE tag = ? AND created_seconds <= ? ORDER BY number"
        with self._transaction() as db:
            return [self._job(row) for row in db.execute(query, (tag, newest_seconds))]

    def jobs(self) -> list[CloudJob]:
        """All jobs, listed or not, in the order of their making."""
        with self._transaction() as db:
            return [self._job(row) for row in db.execute("SELECT * FROM jobs ORDER BY number")]

    def bill(self) -> Usage:
        """What all jobs cost together."""
        return sum((job.usage for job in self.jobs()), Usage())

    def job(self, job_id: str) -> CloudJob:
        """One job."""
        with self._transaction() as db:
            return self._job(_row(db, job_id))

    def cancel(self, job_id: str) -> CloudJob:
        """Cancel a job that waits; one that is cancelled already stays so, others are refused."""
        with self._transaction() as db:
            row = _row(db, job_id)
            if (state := self._job(row).state) in ("running", "done"):
                raise HttpError(409, f"job '{job_id}' is {state}: too late to cancel it")
            db.execute("UPDATE jobs SET cancelled = 1 WHERE number = ?", (row["number"],))
            return self._job(_row(db, job_id))

    def results(self, job_id: str) -> list[BitArray | CircuitFailure]:
        """Shots of a finished job, the same whenever asked."""
        with self._transaction() as db:
            row = _row(db, job_id)
            query = "SELECT document FROM devices WHERE name = ?"
            (offered,) = db.execute(query, (row["device"],))
        if (state := self._job(row).state) != "done":
            raise HttpError(409, f"job '{job_id}' is {state}: it has no results")
        device = json.loads(offered["document"])
        snapshot = DeviceSnapshot.from_json(device) if device else None
        circuits = [SentCircuit(**circuit) for circuit in json.loads(row["circuits"])]
        return [
            CircuitFailure(**failure)
            if failure
            else sample(unpack(circuit.qpy), snapshot, circuit.shots, circuit.seed)
            for circuit, failure in zip(circuits, json.loads(row["failures"]), strict=True)
        ]

    def _failure(self, db: sqlite3.Connection, circuit: SentCircuit) -> CircuitFailure | None:
        if not self.settings.fail_circuits:
            return None
        (row,) = db.execute(
            "INSERT INTO circuits (fingerprint) VALUES (?) "
            "ON CONFLICT DO UPDATE SET sent = sent + 1 RETURNING position, sent",
            (circuit.fingerprint,),
        )
        failing = self.settings.fail_circuits.get(row["position"] - 1)
        if failing is None or row["sent"] > failing.times:
            return None
        return CircuitFailure(failing.message, failing.code, failing.safe_to_retry)

    def _job(self, row: sqlite3.Row) -> CloudJob:
        like, shots = self.settings, row["billed_shots"]
        begun_seconds = row["created_seconds"] + like.queue_seconds
        done_seconds = begun_seconds + like.seconds_per_circuit * row["size"]
        now_seconds = self._clock()
        state: JobState = "done" if now_seconds >= done_seconds else "running"
        usage = Usage(
            like.qpu_seconds_per_shot * shots, like.usd_per_job + like.usd_per_shot * shots
        )
        if row["cancelled"] or now_seconds < begun_seconds:
            state, usage = "cancelled" if row["cancelled"] else "queued", Usage()
        job_id = f"rh-{row['number']:06d}"
        return CloudJob(job_id, row["tag"], state, row["created_seconds"], row["size"], usage)


def _unusable(path: Path, why: str) -> ProviderError:
    return ProviderError(
        f"the rehearsal cloud's file '{path}' cannot be used: {why}",
        remedy="name a file in a folder that exists, or one that a rehearsal has made",
    )


def _row(db: sqlite3.Connection, job_id: str) -> sqlite3.Row:
    query = "SELECT * FROM jobs WHERE printf('rh-%06d', number) = ?"
    for row in db.execute(query, (job_id,)):
        return row
    raise HttpError(404, f"no job '{job_id}'")
