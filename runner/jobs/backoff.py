"""Waiting times between queries: exponential back-off with jitter."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
LONGEST_ASKED_SECONDS = 900.0
"""Longest wait that a provider may ask for; one that names a day far away is asked sooner."""

LONGEST_POLL_SECONDS = 900.0
"""Longest pace that a provider may set for questions about a job."""


@dataclass
class Backoff:
    """Waiting times between the queries about one submission.

    Attributes:
        shortest_seconds: the polling interval that the provider asks for.
        failures: consecutive failures.
        not_before: time of the next query, seconds since 1970.
    """

    shortest_seconds: float
    failures: int = 0
    not_before: float = 0.0
    _random: random.Random = field(default_factory=random.Random)

    def succeeded(self, now: float) -> None:
        """Schedule the next query after the provider's polling interval."""
        self.failures = 0
        self.not_before = now + self.shortest_seconds

    def failed(self, now: float, asked_to_wait_seconds: float | None = None) -> float:
        """Schedule the next query; the wait doubles with each consecutive failure.

        Jitter spreads the queries of clients that failed together.

        Args:
            now: seconds since 1970.
            asked_to_wait_seconds: shortest wait that the provider demands; None if it names none.

        Returns:
            How long to wait, in seconds.
        """
        self.failures += 1
        wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(self.failures - 1, 10))
        wait *= self._random.uniform(0.5, 1.0)
        asked = min(asked_to_wait_seconds or 0.0, LONGEST_ASKED_SECONDS)
        wait = max(wait, self.shortest_seconds, asked)
        self.not_before = now + wait
        return wait
