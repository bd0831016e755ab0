"""Shared context of the job manager: store, adapter, clock, progress callback."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from qiskit.circuit import QuantumCircuit

from backends.adapter import (
    Adapter,
    Job,
    ProviderError,
    RateLimited,
    Request,
    Unavailable,
    Unreadable,
    Unusable,
    Usage,
)
from runner.jobs.backoff import LONGEST_POLL_SECONDS, Backoff
from runner.jobs.clock import Clock
from runner.jobs.provider_calls import ProviderCalls
from runner.store.codec import circuit_from_bytes
from runner.store.records import CircuitOutcome, CircuitRecord, Submission
from runner.store.schema import CircuitState
from runner.store.store import Store

LISTING_MARGIN = 2.0
"""Factor on the listing lag that a provider states, before a job counts as not listed."""

CACHED_PROGRAMS = 300
"""Compiled circuits kept in memory, enough for a few jobs; others are read from the store."""


@dataclass(frozen=True)
class JobContext:
    """Shared by the sender and the follower of submissions.

    Attributes:
        store: holds runs, circuits, submissions and counts.
        adapter: the open connection to the device.
        clock: wall time in seconds since 1970, and waiting.
        notify: progress callback; receives one line of text for each event.
        answers: folder for answers that cannot be read; None keeps none.
        set_aside: tags of submissions that this process asks about no more: what was asked for
            often enough is left for the next command.
    """

    store: Store
    adapter: Adapter
    clock: Clock
    notify: Callable[[str], object]
    answers: Path | None = None
    set_aside: set[str] = field(default_factory=set)
    _backoffs: dict[str, Backoff] = field(default_factory=dict)
    _programs: OrderedDict[tuple[str, str], QuantumCircuit] = field(default_factory=OrderedDict)

    @cached_property
    def calls(self) -> ProviderCalls:
        """The calls of the provider, with every answer checked."""
        return ProviderCalls(self.adapter)

    def backoff(self, submission: Submission) -> Backoff:
        """The back-off of a submission: when the provider may be asked about it again."""
        return self._backoffs.setdefault(
            submission.tag,
            Backoff(min(self.adapter.limits().poll_seconds, LONGEST_POLL_SECONDS)),
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
        wait = self.backoff(submission).failed(self.clock.now(), wait_seconds)
        is_transient = isinstance(error, (Unavailable, RateLimited))
        message = str(error) if is_transient else message_with_remedy(error)
        self.notify(f"{submission.tag}: {message}; asking again in {wait:.0f} s")

    def leave(self, submission: Submission, note: str, billed: Usage | None = None) -> None:
        """Ask about a submission no more in this process; it stays as it is for the next command.

        Args:
            submission: an open submission.
            note: why, and what to do.
            billed: what its job cost; None if unknown.
        """
        self.set_aside.add(submission.tag)
        changes = {}
        if billed is not None:
            changes = {"billed_qpu_seconds": billed.qpu_seconds, "billed_usd": billed.usd}
        if note != submission.message or changes:
            self.store.move(submission, submission.state, note, **changes)
        self.notify(f"{submission.tag}: {note}")

    def keep_answer(self, job_id: str, error: ProviderError) -> str:
        """Keep an answer that cannot be read; return where it lies, in words."""
        if not isinstance(error, Unreadable):
            return "the provider"
        where = [error.where] if error.where else []
        if self.answers is not None and error.answer is not None:
            self.answers.mkdir(parents=True, exist_ok=True)
            file = self.answers / f"{re.sub(r'[^A-Za-z0-9._-]', '-', job_id)}.txt"
            file.write_bytes(error.answer)
            where.insert(0, str(file))
        return " and ".join(where) or "the provider"

    def job(self, submission: Submission) -> Job:
        """What a submission sends."""
        circuits = self.store.circuits_of(submission.tag)
        requests = tuple(self.requests(circuits, submission.run_id))
        return Job(submission.tag, submission.token, requests)

    def requests(self, circuits: Sequence[CircuitRecord], run_id: str) -> list[Request]:
        """Circuits as they are sent."""
        return [Request(self.program(run_id, c.stem), c.shots, c.seed) for c in circuits]

    def program(self, run_id: str, stem: str) -> QuantumCircuit:
        """A compiled circuit of a run."""
        if (run_id, stem) not in self._programs:
            program = self.store.program(run_id, stem)
            self._programs[run_id, stem] = circuit_from_bytes(program.compiled)
            if len(self._programs) > CACHED_PROGRAMS:
                self._programs.popitem(last=False)
        return self._programs[run_id, stem]

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
