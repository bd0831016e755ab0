"""The store: each method that changes it is one transaction."""

from runner.store.run_tables import StoredRuns
from runner.store.submission_tables import StoredSubmissions


class Store(StoredRuns, StoredSubmissions):
    """All runs, in any database that SQLAlchemy supports.

    Args:
        url: SQLAlchemy URL.
        clock: seconds since 1970, for the history of moves.
    """
