"""The service behind the wire: jobs, sessions, tags, usage, in a file that outlives the process."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qiskit_ibm_runtime import RuntimeDecoder

from tests.emulators.ibm.devices import Device
from tests.emulators.ibm.execution import JobFailed, run
from tests.emulators.ibm.faults import Call, Fault
from tests.emulators.ibm.settings import Refusal, Settings

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE, created REAL, backend TEXT, program TEXT,
    tags TEXT, session TEXT, cost REAL, params TEXT, state TEXT, reason TEXT, code INTEGER,
    results TEXT, seconds REAL, instance TEXT);
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, backend TEXT, mode TEXT, accepting INTEGER, max_seconds REAL);
CREATE TABLE IF NOT EXISTS calls (name TEXT PRIMARY KEY, count INTEGER);
"""


@dataclass(frozen=True)
class Job:
    """One job, as its maker would look at it."""

    number: int
    id: str
    created: float
    backend: str
    program: str
    tags: tuple[str, ...]
    session: str | None
    cost: float | None
    state: str
    reason: str | None
    code: int | None
    seconds: float

    @property
    def survives(self) -> bool:
        """Whether it is or will be paid for."""
        return self.state != "Cancelled"


class Service:
    """All that is remembered.

    Args:
        file: where; None keeps it in memory.
        devices: the processors.
        settings: how it behaves; may be changed at any time.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        file: Path | None,
        devices: Sequence[Device],
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or Settings()
        self.devices = {device.name: device for device in devices}
        self.clock = clock
        self.posts: list[str] = []
        """Ids of the jobs made since the start, in order."""
        self._lock = threading.RLock()
        self._database = sqlite3.connect(
            file or ":memory:", check_same_thread=False, isolation_level=None
        )
        self._database.row_factory = sqlite3.Row
        self._database.executescript(_SCHEMA)
        self._counts: dict[str, int] = {}

    def forget_calls(self) -> None:
        """Count calls from 1 again, for the next script of faults."""
        with self._lock:
            self._database.execute("DELETE FROM calls")

    def count(self, call: Call) -> int:
        """Count a call; return how many there were."""
        with self._lock:
            self._database.execute(
                "INSERT INTO calls VALUES (?, 1) "
                "ON CONFLICT (name) DO UPDATE SET count = count + 1",
                (call,),
            )
            row = self._database.execute("SELECT count FROM calls WHERE name = ?", (call,))
            return int(row.fetchone()[0])

    def calls(self, call: Call) -> int:
        """How many calls there were."""
        row = self._database.execute("SELECT count FROM calls WHERE name = ?", (call,)).fetchone()
        return int(row[0]) if row else 0

    def fault(self, call: Call) -> Fault | None:
        """What goes wrong with this call, which is counted."""
        number = self.count(call)
        return next(
            (
                fault
                for fault in self.settings.faults
                if fault.call == call and fault.first <= number < fault.first + fault.times
            ),
            None,
        )

    def device(self, name: str) -> Device:
        """A device by name.

        Raises:
            Refusal: if there is none.
        """
        if name not in self.devices:
            raise Refusal(404, f"Backend '{name}' is unknown", 1404)
        return self.devices[name]

    # Jobs

    def submit(self, document: dict[str, Any], instance: str) -> dict[str, Any]:
        """Make a job of a posted document."""
        device = self.device(document["backend"])
        if not device.online:
            raise Refusal(409, f"Backend '{device.name}' is offline and takes no jobs", 1221)
        with self._lock:
            self._require_pace()
            session = document.get("session_id")
            if session is not None:
                self._require_open(session)
            job_id = f"d{uuid.uuid4().hex[:19]}"
            self._database.execute(
                "INSERT INTO jobs (id, created, backend, program, tags, session, cost, params, "
                "state, seconds, instance) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'Queued', 0, ?)",
                (
                    job_id,
                    self.clock(),
                    device.name,
                    document["program_id"],
                    json.dumps(document.get("tags", [])),
                    session,
                    document.get("cost"),
                    json.dumps(document["params"]),
                    instance,
                ),
            )
            self.posts.append(job_id)
        return {"id": job_id, "backend": device.name}

    def _require_pace(self) -> None:
        most = self.settings.jobs_per_minute
        if most is None:
            return
        since = self.clock() - 60.0
        row = self._database.execute("SELECT count(*) FROM jobs WHERE created > ?", (since,))
        if row.fetchone()[0] >= most:
            raise Refusal(429, "Too many jobs in a minute", 1429)

    def jobs(self) -> list[Job]:
        """All jobs, oldest first, as they stand without being run."""
        return [_job(row) for row in self._rows("SELECT * FROM jobs ORDER BY number")]

    def job(self, job_id: str) -> Job:
        """One job, run if its time has come.

        Raises:
            Refusal: if there is none.
        """
        with self._lock:
            row = self._row(job_id)
            ready = row["created"] + self.settings.queue_seconds
            if row["state"] == "Queued" and self.clock() >= ready:
                self._run(row)
            return _job(self._row(job_id))

    def _run(self, row: sqlite3.Row) -> None:
        device = self.device(row["backend"])
        params = json.loads(row["params"], cls=RuntimeDecoder)
        state, reason, code, results, seconds = "Completed", None, None, "", 0.0
        try:
            outcome = run(row["program"], params, device, self.settings.seed + row["number"])
            results, seconds = outcome.results, outcome.seconds
            if row["cost"] is not None and seconds > row["cost"]:
                state, seconds, results = "Cancelled", row["cost"], ""
                reason, code = "Job was cancelled: it ran longer than allowed", 1305
        except JobFailed as error:
            state, reason, code, results = "Failed", str(error), error.code, str(error)
        self._database.execute(
            "UPDATE jobs SET state = ?, reason = ?, code = ?, results = ?, seconds = ? "
            "WHERE id = ?",
            (state, reason, code, results, seconds, row["id"]),
        )

    def described(self, job: Job, *, params: bool = False) -> dict[str, Any]:
        """A job as the service shows it."""
        state: dict[str, Any] = {"status": job.state}
        if job.reason:
            state |= {"reason": job.reason, "reason_code": job.code}
        shown = {
            "id": job.id,
            "backend": job.backend,
            "created": _iso(job.created),
            "tags": list(job.tags),
            "program": {"id": job.program},
            "session_id": job.session,
            "state": state,
            "status": job.state,
            "private": False,
            "cost": job.cost,
        }
        if params:
            shown["params"] = json.loads(self._row(job.id)["params"])
        return shown

    def listed(self, tags: Sequence[str], limit: int, offset: int, *, oldest: bool) -> Any:
        """Jobs that bear all tags, those too new left out."""
        before = self.clock() - self.settings.listing_lag_seconds
        found = [j for j in self.jobs() if set(tags) <= set(j.tags) and j.created <= before]
        if not oldest:
            found.reverse()
        page = found[offset : offset + limit]
        return {
            "jobs": [self.described(job) for job in page],
            "count": len(found),
            "limit": limit,
            "offset": offset,
        }

    def results(self, job_id: str) -> str:
        """The body of a job's results."""
        self.job(job_id)
        return str(self._row(job_id)["results"] or "")

    def metrics(self, job_id: str) -> dict[str, Any]:
        """What a job cost, and when it ran."""
        job = self.job(job_id)
        ended = job.state in ("Completed", "Failed", "Cancelled")
        return {
            "timestamps": {
                "created": _iso(job.created),
                "running": _iso(job.created) if job.seconds else None,
                "finished": _iso(self.clock()) if ended else None,
            },
            "bss": {"seconds": job.seconds},
            "usage": {
                "quantum_seconds": job.seconds,
                "seconds": job.seconds,
                "qpu_charge_time_seconds": job.seconds,
                "status": "final" if ended else "pending",
            },
        }

    def cancel(self, job_id: str) -> None:
        """Cancel a job that waits.

        Raises:
            Refusal: if it ran.
        """
        with self._lock:
            if self.job(job_id).state != "Queued":
                raise Refusal(409, "Job is already in a final state", 1219)
            self._database.execute("UPDATE jobs SET state = 'Cancelled' WHERE id = ?", (job_id,))

    def tag(self, job_id: str, tags: Sequence[str]) -> None:
        """Give a job other tags."""
        self._row(job_id)
        self._database.execute(
            "UPDATE jobs SET tags = ? WHERE id = ?", (json.dumps(list(tags)), job_id)
        )

    # Usage

    def usage(self) -> dict[str, Any]:
        """What the instance used and may use."""
        used = self.settings.consumed_seconds + sum(job.seconds for job in self.jobs())
        limit = self.settings.limit_seconds
        return {
            "instance_id": next(iter(self.settings.instances), ""),
            "plan_id": "plan-open",
            "usage_consumed_seconds": used,
            "usage_limit_seconds": limit,
            "usage_allocation_seconds": limit,
            "usage_remaining_seconds": max(0.0, limit - used),
            "usage_limit_reached": used >= limit,
        }

    # Sessions

    def open_session(self, document: dict[str, Any]) -> dict[str, Any]:
        """Open a session or batch."""
        session = str(uuid.uuid4())
        self._database.execute(
            "INSERT INTO sessions VALUES (?, ?, ?, 1, ?)",
            (session, document["backend"], document["mode"], document.get("max_ttl")),
        )
        return self.session(session)

    def session(self, session: str) -> dict[str, Any]:
        """A session as the service shows it."""
        row = self._session_row(session)
        return {
            "id": row["id"],
            "backend_name": row["backend"],
            "mode": row["mode"],
            "max_ttl": row["max_seconds"],
            "accepting_jobs": bool(row["accepting"]),
            "state": "active" if row["accepting"] else "closed",
        }

    def sessions(self) -> list[dict[str, Any]]:
        """All sessions."""
        return [self.session(row["id"]) for row in self._rows("SELECT id FROM sessions")]

    def close_session(self, session: str, *, cancel: bool) -> None:
        """Take no more jobs; with ``cancel`` drop those that wait."""
        self._session_row(session)
        self._database.execute("UPDATE sessions SET accepting = 0 WHERE id = ?", (session,))
        if cancel:
            self._database.execute(
                "UPDATE jobs SET state = 'Cancelled' WHERE session = ? AND state = 'Queued'",
                (session,),
            )

    def _require_open(self, session: str) -> None:
        if not self._session_row(session)["accepting"]:
            raise Refusal(400, "The session is closed", 1217)

    def _session_row(self, session: str) -> sqlite3.Row:
        rows = self._rows("SELECT * FROM sessions WHERE id = ?", session)
        if not rows:
            raise Refusal(404, "Session not found", 1404)
        return rows[0]

    def _row(self, job_id: str) -> sqlite3.Row:
        rows = self._rows("SELECT * FROM jobs WHERE id = ?", job_id)
        if not rows:
            raise Refusal(404, f"Job not found. Job ID: {job_id}", 1291)
        return rows[0]

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(query, values).fetchall()


def _job(row: sqlite3.Row) -> Job:
    return Job(
        number=row["number"],
        id=row["id"],
        created=row["created"],
        backend=row["backend"],
        program=row["program"],
        tags=tuple(json.loads(row["tags"])),
        session=row["session"],
        cost=row["cost"],
        state=row["state"],
        reason=row["reason"],
        code=row["code"],
        seconds=row["seconds"],
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
