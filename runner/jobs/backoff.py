"""How long to wait before asking again: exponential back-off with jitter."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0


@dataclass
class Pace:
    """Waiting times for one thing that is asked repeatedly.

    Attributes:
        shortest_seconds: the provider's own pace.
        failures: failures in a row.
        not_before: nothing is asked earlier than this, seconds since 1970.
    """

    shortest_seconds: float
    failures: int = 0
    not_before: float = 0.0
    _random: random.Random = field(default_factory=random.Random)

    def succeeded(self, now: float) -> None:
        """Ask again at the provider's pace."""
        self.failures = 0
        self.not_before = now + self.shortest_seconds

    def failed(self, now: float, asked_to_wait_seconds: float | None = None) -> None:
        """Ask again later, and later still after each failure.

        Jitter spreads clients that failed together; a wait that the provider names is kept.
        """
        self.failures += 1
        wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (self.failures - 1))
        wait *= self._random.uniform(0.5, 1.0)
        self.not_before = now + max(wait, self.shortest_seconds, asked_to_wait_seconds or 0.0)
