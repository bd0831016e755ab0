"""The connection of the store to its database: transactions that write, transactions that read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from runner.store.database import READING, open_engine, translate_errors


class StoreConnection:
    """An open database.

    Args:
        url: SQLAlchemy URL.
        clock: seconds since 1970, for the history of moves.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self.engine = open_engine(url)
        self._clock = clock

    def close(self) -> None:
        """Close all connections; they are opened again when needed."""
        self.engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with translate_errors(self.engine), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A transaction that only reads, and waits for no writer."""
        reader = self.engine.execution_options(**READING)
        with translate_errors(self.engine), reader.begin() as connection:
            yield connection
