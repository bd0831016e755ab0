"""One process at a time works on a run; a lock dies with the process that holds it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Engine, text

from runner.errors import EXIT_PENDING, UserError


class RunIsBusy(UserError):
    """Another process works on the run."""

    exit_code = EXIT_PENDING


@contextmanager
def run_lock(engine: Engine, run_id: str) -> Iterator[None]:
    """Hold the run, or fail at once.

    A file lock beside an SQLite store, an advisory lock in PostgreSQL: the system releases
    either when the process dies, so that a killed run can be resumed without waiting.

    Raises:
        RunIsBusy: if another process holds it.
    """
    if engine.dialect.name == "sqlite":
        with _file_lock(engine, run_id):
            yield
    else:
        with _advisory_lock(engine, run_id):
            yield


@contextmanager
def _file_lock(engine: Engine, run_id: str) -> Iterator[None]:
    store = Path(engine.url.database or "enclone.sqlite")
    # Lock files stay: to delete one that another process is about to lock would give it twice.
    lock = FileLock(store.with_name(f".{store.name}.locks") / f"{run_id}.lock")
    Path(lock.lock_file).parent.mkdir(exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _busy(run_id) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _advisory_lock(engine: Engine, run_id: str) -> Iterator[None]:
    digest = hashlib.sha256(run_id.encode()).digest()[:8]
    key = {"key": int.from_bytes(digest, "big", signed=True)}
    with engine.connect() as connection:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar():
            raise _busy(run_id)
        connection.commit()
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)
            connection.commit()


def _busy(run_id: str) -> RunIsBusy:
    return RunIsBusy(
        f"another process works on run '{run_id}'; let it finish, or look on with "
        f"'enclone watch {run_id}'"
    )
