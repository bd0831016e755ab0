"""Locks on runs: at most one process works on a run.

Two processes would not send a submission twice at the same time, since every change of state names
the state that it starts from; but the second could take a submission that the first is just sending
for lost, and send it again.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Engine, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from runner.errors import EXIT_PENDING, UserError
from runner.store.database import StoreError, translate_errors
from runner.store.schema import leases

LEASE_SECONDS = 300.0
"""Longer than any call of a provider. After a crash a run stays locked for this long."""

_GRACE_SECONDS = 3.0
"""Time that a server may need to notice that a process died, and to release its lock."""

RequireLock = Callable[[], None]
"""Raises :class:`LockLost` unless the lock is still held; to be called before anything is sent."""


class RunIsBusy(UserError):
    """Another process works on the run."""

    exit_code = EXIT_PENDING


class LockLost(StoreError):
    """The lock was lost: another process may work on the run by now."""


@contextmanager
def run_lock(engine: Engine, run_id: str) -> Iterator[RequireLock]:
    """Lock a run for the length of the block.

    A file lock beside an SQLite store, an advisory lock in PostgreSQL: both are released when the
    process dies, so that a killed run can be resumed at once. In any other database a lease, which
    expires.

    Yields:
        A function that raises :class:`LockLost` unless the lock is still held.

    Raises:
        RunIsBusy: if another process holds the lock.
    """
    locks = {"sqlite": _file_lock, "postgresql": _advisory_lock}
    # A store in memory has no folder for a lock file, and no second process.
    in_memory = engine.dialect.name == "sqlite" and not engine.url.database
    lock = lease_lock if in_memory else locks.get(engine.dialect.name, lease_lock)
    with lock(engine, run_id) as require_lock:
        yield require_lock


@contextmanager
def _file_lock(engine: Engine, run_id: str) -> Iterator[RequireLock]:
    store = Path(str(engine.url.database))
    # Lock files stay: to delete one that another process is about to lock would give it twice.
    lock = FileLock(store.with_name(f".{store.name}.locks") / f"{run_id}.lock")
    try:
        Path(lock.lock_file).parent.mkdir(exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise _busy(run_id) from None
    except OSError as error:
        raise StoreError(
            f"the lock '{lock.lock_file}' beside the store cannot be made: {error.strerror}; make "
            "room, or give this user the right to write there, then run 'enclone resume'"
        ) from error
    try:
        yield lambda: None
    finally:
        lock.release()


@contextmanager
def _advisory_lock(engine: Engine, run_id: str) -> Iterator[RequireLock]:
    digest = hashlib.sha256(run_id.encode()).digest()[:8]
    key = {"key": int.from_bytes(digest, "big", signed=True)}
    deadline = time.monotonic() + _GRACE_SECONDS
    with translate_errors(engine), engine.connect() as connection:
        while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), key):
            connection.commit()
            if time.monotonic() > deadline:
                raise _busy(run_id)
            time.sleep(0.1)
        connection.commit()

        def require_lock() -> None:
            # The lock lives as long as its connection, which a server or a router may cut.
            with translate_errors(engine):
                connection.execute(text("SELECT 1"))
                connection.commit()

        try:
            yield require_lock
        finally:
            # A connection that was cut has released the lock already.
            with suppress(SQLAlchemyError):
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)
                connection.commit()


@contextmanager
def lease_lock(engine: Engine, run_id: str) -> Iterator[RequireLock]:
    """Lock a run by a row that names the owner of the lock and when it expires."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{time.monotonic_ns()}"
    _take_lease(engine, run_id, owner)

    def require_lock() -> None:
        with translate_errors(engine), engine.begin() as connection:
            renewed = connection.execute(
                update(leases)
                .where(leases.c.run_id == run_id, leases.c.owner == owner)
                .values(until=time.time() + LEASE_SECONDS)
            )
        if renewed.rowcount != 1:
            raise LockLost(
                f"run '{run_id}' was taken over by another process, since this one did not renew "
                f"its lease for {LEASE_SECONDS:.0f} s; look on with 'enclone watch {run_id}'"
            )

    try:
        yield require_lock
    finally:
        with translate_errors(engine), engine.begin() as connection:
            connection.execute(
                delete(leases).where(leases.c.run_id == run_id, leases.c.owner == owner)
            )


def _take_lease(engine: Engine, run_id: str, owner: str) -> None:
    now = time.time()
    with translate_errors(engine):
        try:
            with engine.begin() as connection:
                connection.execute(
                    delete(leases).where(leases.c.run_id == run_id, leases.c.until < now)
                )
                connection.execute(
                    insert(leases).values(run_id=run_id, owner=owner, until=now + LEASE_SECONDS)
                )
        except IntegrityError:
            with engine.begin() as connection:
                until = connection.scalar(select(leases.c.until).where(leases.c.run_id == run_id))
            seconds = max(0.0, (until or now) - now)
            raise RunIsBusy(
                f"another process works on run '{run_id}', or died within the last "
                f"{LEASE_SECONDS:.0f} s; let it finish, or try again in {seconds:.0f} s"
            ) from None


def _busy(run_id: str) -> RunIsBusy:
    return RunIsBusy(
        f"another process works on run '{run_id}'; let it finish, or look on with "
        f"'enclone watch {run_id}'"
    )
