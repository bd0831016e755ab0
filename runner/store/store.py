"""Every change of the store: one method, one transaction."""

from runner.store.run_tables import StoredRuns
from runner.store.submission_tables import StoredSubmissions


class Store(StoredRuns, StoredSubmissions):
    """All runs, in any database that SQLAlchemy reaches.

    Args:
        url: SQLAlchemy URL.
        clock: seconds since 1970, for the history of moves.
    """
