"""What all that moves submissions has at hand: the store, the provider, time and a voice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from backends.adapter import Adapter, ProviderError, RateLimited, Unavailable, Unusable, Usage
from runner.jobs.backoff import Pace
from runner.jobs.clock import Clock
from runner.store.records import CircuitOutcome, Submission
from runner.store.schema import CircuitState
from runner.store.store import Store

LISTING_MARGIN = 2.0
"""A listing gets this multiple of the lag that its provider states."""


@dataclass(frozen=True)
class Desk:
    """Shared by what sends submissions and what follows them.

    Attributes:
        store: where everything is written.
        adapter: the opened device.
        clock: time and waiting.
        tell: receives one line for everything worth telling.
    """

    store: Store
    adapter: Adapter
    clock: Clock
    tell: Callable[[str], object]
    _paces: dict[str, Pace] = field(default_factory=dict)

    def pace(self, submission: Submission) -> Pace:
        """When the submission may be looked at again."""
        return self._paces.setdefault(submission.tag, Pace(self.adapter.limits().poll_seconds))

    def listed_by(self, submission: Submission) -> float:
        """When a job of it would certainly be listed, seconds since 1970."""
        lag = self.adapter.limits().listing_lag_seconds
        return (submission.sent_at or 0.0) + LISTING_MARGIN * lag

    def ask_again(self, submission: Submission, error: ProviderError) -> None:
        """Put off a question that got no answer, and tell.

        Raises:
            Unusable: the error itself, if the account must be mended first.
        """
        if isinstance(error, Unusable):
            raise error
        # Safe: every caller only asked, or asked for a cancellation, which may be repeated.
        asked = error.retry_after_seconds if isinstance(error, RateLimited) else None
        self.pace(submission).failed(self.clock.now(), asked)
        passing = isinstance(error, (Unavailable, RateLimited))
        said = str(error) if passing else with_remedy(error)
        self.tell(f"{submission.tag}: {said}; asking again")

    def end(
        self, submission: Submission, how: CircuitState, note: str, billed: Usage | None = None
    ) -> None:
        """End a submission without results, and with it every circuit that it carried."""
        if how not in ("failed", "cancelled", "lost"):
            raise ValueError(f"a submission cannot end as '{how}'")
        self.tell(f"{submission.tag}: {how}: {note}")
        outcomes = [
            CircuitOutcome(c.identity, None, None, {"message": note, "code": ""}, how)
            for c in self.store.carried(submission.tag)
        ]
        self.store.settle(submission, how, outcomes, billed, note)


def with_remedy(error: ProviderError) -> str:
    """What went wrong and what to do about it."""
    return f"{error}; {error.remedy}" if error.remedy else str(error)
