"""Shared context of the job manager: store, adapter, clock, progress callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from backends.adapter import Adapter, ProviderError, RateLimited, Unavailable, Unusable, Usage
from runner.jobs.backoff import Backoff
from runner.jobs.clock import Clock
from runner.store.records import CircuitOutcome, Submission
from runner.store.schema import CircuitState
from runner.store.store import Store

LISTING_MARGIN = 2.0
"""Factor on the listing lag that a provider states, before a job counts as not listed."""


@dataclass(frozen=True)
class JobContext:
    """Shared by the sender and the follower of submissions.

    Attributes:
        store: holds runs, circuits, submissions and counts.
        adapter: the open connection to the device.
        clock: wall time in seconds since 1970, and waiting.
        notify: progress callback; receives one line of text for each event.
    """

    store: Store
    adapter: Adapter
    clock: Clock
    notify: Callable[[str], object]
    _backoffs: dict[str, Backoff] = field(default_factory=dict)

    def backoff(self, submission: Submission) -> Backoff:
        """The back-off of a submission: when the provider may be asked about it again."""
        return self._backoffs.setdefault(
            submission.tag, Backoff(self.adapter.limits().poll_seconds)
        )

    def listing_deadline(self, submission: Submission) -> float:
        """Time from which a job of the submission is certainly listed, seconds since 1970."""
        lag = self.adapter.limits().listing_lag_seconds
        return (submission.sent_at or 0.0) + LISTING_MARGIN * lag

    def retry_later(self, submission: Submission, error: ProviderError) -> None:
        """Put off a query that failed, and report it.

        Raises:
            Unusable: the error itself, if the account must be repaired first.
        """
        if isinstance(error, Unusable):
            raise error
        # Safe: callers send queries and cancellations only, which may be repeated.
        wait_seconds = error.retry_after_seconds if isinstance(error, RateLimited) else None
        self.backoff(submission).failed(self.clock.now(), wait_seconds)
        is_transient = isinstance(error, (Unavailable, RateLimited))
        message = str(error) if is_transient else message_with_remedy(error)
        self.notify(f"{submission.tag}: {message}; asking again")

    def end_submission(
        self, submission: Submission, state: CircuitState, note: str, billed: Usage | None = None
    ) -> None:
        """End a submission without results, together with all of its circuits.

        Raises:
            ValueError: if ``state`` is none of ``failed``, ``cancelled`` and ``lost``.
        """
        if state not in ("failed", "cancelled", "lost"):
            raise ValueError(f"a submission cannot end as '{state}'")
        self.notify(f"{submission.tag}: {state}: {note}")
        outcomes = [
            CircuitOutcome(c.identity, None, None, {"message": note, "code": ""}, state)
            for c in self.store.circuits_of(submission.tag)
        ]
        self.store.record_outcomes(submission, state, outcomes, billed, note)


def message_with_remedy(error: ProviderError) -> str:
    """The message of an error, with its remedy where it states one."""
    return f"{error}; {error.remedy}" if error.remedy else str(error)
