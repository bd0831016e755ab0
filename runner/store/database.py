"""Opening the store: engine, durability, migrations, and what can go wrong with it."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, NoSuchModuleError

from runner.errors import UserError, printable
from runner.paths import expanded
from runner.store.schema import REVISION

LOCK_WAIT_SECONDS = 30

READING: dict[str, Any] = {"enclone_reading": True}
"""Execution options of a connection that only reads."""


class StoreError(UserError):
    """The store cannot be used; jobs that were accepted are not lost by that."""


def store_url(runs: Path) -> str:
    """``ENCLONE_STORE``, or the SQLite file in the folder of runs.

    Raises:
        StoreError: if ``ENCLONE_STORE`` is no URL.
    """
    given = (os.environ.get("ENCLONE_STORE") or "").strip()
    if not given:
        return f"sqlite:///{runs / 'enclone.sqlite'}"
    return _parsed(given).render_as_string(hide_password=False)


def _parsed(given: str) -> URL:
    """The URL of a store, ``~`` in the file of an SQLite store replaced.

    Raises:
        StoreError: if it is none.
    """
    try:
        url = make_url(given)
        backend = url.get_backend_name()
        url.get_dialect()
        if backend == "sqlite" and url.database:
            url = url.set(database=str(expanded(url.database)))
    except (ArgumentError, NoSuchModuleError, ValueError, ModuleNotFoundError) as error:
        example = "sqlite:////path/store.sqlite or postgresql+psycopg://user@host/database"
        if "://" not in given:
            # A path, which is no secret; forward slashes are right in the URL of any system.
            path = expanded(given).absolute().as_posix()
            raise StoreError(
                f"ENCLONE_STORE is '{printable(given)}', which is a path and no URL; write "
                f"ENCLONE_STORE=sqlite:///{path}"
            ) from None
        reason = str(error).partition(" from given URL string")[0]
        raise StoreError(
            f"the store cannot be opened: {printable(reason)}; ENCLONE_STORE must be an SQLAlchemy "
            f"URL such as {example}"
        ) from None
    return url


def open_engine(url: str) -> Engine:
    """Open the store and bring its tables up to date.

    Raises:
        StoreError: if it cannot be opened, read or written.
    """
    try:
        parsed = _parsed(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    except ModuleNotFoundError as error:
        raise StoreError(
            f"the store cannot be opened: the driver '{error.name}' of {parsed.drivername} is not "
            f"installed; install it beside enclone, or choose another store with ENCLONE_STORE"
        ) from None
    except OSError as error:
        raise StoreError(
            f"the folder of the store '{url}' cannot be made: {error.strerror}; choose another "
            "place with --out or ENCLONE_STORE"
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    with translate_errors(engine):
        with engine.execution_options(**READING).begin() as connection:
            current = _revision(connection) == REVISION
        if not current:
            with engine.begin() as connection:
                _migrate(connection)
    return engine


def _revision(connection: Connection) -> str | None:
    """The last migration that was applied to a store; None if the store is new."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


@contextmanager
def translate_errors(engine: Engine) -> Iterator[None]:
    """Raise database errors as :class:`StoreError`, with cause and remedy in one line."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise StoreError(_explain(engine, str(error.orig))) from error
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError, zlib.error) as error:
        # What is read back is not what was written.
        raise StoreError(_explain(engine, f"its content is malformed: {error}")) from error


_NO_LOCKS = (
    "its file system has no locks, as some network drives: put the store on a disk of this "
    "machine, or on a PostgreSQL server, with ENCLONE_STORE"
)


def _has_locks(url: URL) -> bool:
    """Whether files beside an SQLite store can be locked."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return True
    try:
        with NamedTemporaryFile(dir=Path(url.database).parent, prefix=".enclone-lock") as file:
            import fcntl

            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return True  # Windows locks by itself
    except OSError as error:
        return error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
    return True


def _explain(engine: Engine, reason: str) -> str:
    url = engine.url.render_as_string(hide_password=True)
    reason = " ".join(reason.split())
    cause = reason.lower()
    if "locked" in cause and not _has_locks(engine.url):
        remedy = _NO_LOCKS
    elif "locked" in cause:
        remedy = (
            f"another process has held it for over {LOCK_WAIT_SECONDS} s; let it finish or stop "
            "it, then run 'enclone resume'"
        )
    elif "locking protocol" in cause:
        remedy = _NO_LOCKS
    elif "disk is full" in cause or "disk i/o" in cause:
        remedy = "make room on the disk, then run 'enclone resume': accepted jobs are not lost"
    elif "readonly" in cause or "unable to open" in cause or "permission" in cause:
        remedy = "give this user the right to write there, or choose another place"
    elif "malformed" in cause or "not a database" in cause:
        remedy = (
            "the file is damaged: restore a copy, or start a new store and take the provider's "
            "jobs over with 'enclone adopt'"
        )
    else:
        remedy = "check that the database runs and can be reached, then run 'enclone resume'"
    return f"the store {url} cannot be used: {reason}; {remedy}"


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin transactions late; the listener below begins them.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={LOCK_WAIT_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL: a commit is on the disk when it returns, which an intent must be before it is sent.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    # Immediate: two writers queue up instead of failing when the second tries to upgrade.
    reading = connection.get_execution_options().get("enclone_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _migrate(connection: Connection) -> None:
    # Here, because most commands find a store that needs no migration.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        # Two first commands at once must not both create the tables.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": 0x656E63})
    config = Config()
    config.set_main_option("script_location", "runner.store:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise StoreError(
            f"the store {connection.engine.url.render_as_string(hide_password=True)} was written "
            f"by a newer version of enclone: it is at revision '{_revision(connection)}', this "
            f"version knows up to '{REVISION}'; install the newer version, or choose another "
            "store with ENCLONE_STORE"
        ) from None
