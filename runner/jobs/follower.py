"""From accepted jobs to counts: polling, removal of duplicates, cancellation, collection."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.primitives import BitArray

from backends.adapter import (
    CircuitFailure,
    Explains,
    JobState,
    ProviderError,
    RateLimited,
    Unavailable,
    UnknownJob,
    Usage,
)
from runner.jobs.context import JobContext, message_with_remedy
from runner.store.codec import pack_shots
from runner.store.records import CircuitOutcome, CircuitRecord, Submission
from runner.store.schema import CircuitState

MOST_ATTEMPTS = 3
"""Most submissions of one circuit, where a failure is safe to retry."""

MOST_USAGE_QUERIES = 5
"""Failed queries after which a result is stored without its billed usage."""


class JobFollower:
    """Polls, cancels and collects the jobs that a provider has accepted.

    Args:
        context: shared context of the job manager.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._cancel_requested: set[str] = set()

    def poll(self, submission: Submission) -> bool:
        """Query the state of a job and act on it; return whether the submission changed state."""
        job_id = submission.provider_id or ""
        try:
            if (
                self._context.clock.now() <= self._context.listing_deadline(submission)
                or submission.state == "accepted"
            ):
                submission = self._keep_oldest_job(submission)
                job_id = submission.provider_id or ""
            self._cancel_if_requested(submission)
            state = self._context.adapter.state(job_id)
        except UnknownJob as error:
            return self._handle_unknown_job(submission, error)
        except ProviderError as error:
            self._context.retry_later(submission, error)
            return False
        self._context.backoff(submission).succeeded(self._context.clock.now())
        return self._follow(submission, state)

    def collect(self, submission: Submission) -> bool:
        """Fetch results and billed usage of a finished job; return whether the submission ended."""
        job_id = submission.provider_id or ""
        try:
            submission = self._keep_oldest_job(submission)
            results = self._context.adapter.results(job_id)
        except UnknownJob as error:
            return self._handle_unknown_job(submission, error)
        except ProviderError as error:
            self._context.retry_later(submission, error)
            return False
        carried = self._context.store.circuits_of(submission.tag)
        if len(results) != len(carried):
            self._context.end_submission(
                submission,
                "failed",
                f"job {job_id} has {len(results)} results for {len(carried)} circuits",
            )
            return True
        try:
            billed: Usage | None = self._context.adapter.usage(job_id)
        except ProviderError as error:
            if self._context.backoff(submission).failures < MOST_USAGE_QUERIES:
                self._context.retry_later(submission, error)
                return False
            billed = None
        cancelled = self._context.store.is_cancelled(submission.run_id)
        outcomes = [
            self._outcome(circuit, result, cancelled=cancelled)
            for circuit, result in zip(carried, results, strict=True)
        ]
        self._context.store.record_outcomes(submission, "analysed", outcomes, billed)
        return True

    def _follow(self, submission: Submission, state: JobState) -> bool:
        if state == "done":
            self._context.store.move(submission, "done")
            self._context.backoff(submission).not_before = 0.0
            return True
        if state in ("failed", "cancelled"):
            self._context.end_submission(
                submission, state, self._end_note(submission, state), self._billed(submission)
            )
            return True
        if state == "running" and submission.state == "accepted":
            self._context.store.move(submission, "running")
        return False

    def _billed(self, submission: Submission) -> Usage | None:
        """Billed usage of a job without results; None if the provider does not state it."""
        try:
            return self._context.adapter.usage(submission.provider_id or "")
        except ProviderError:
            return None

    def _end_note(self, submission: Submission, state: JobState) -> str:
        note = f"the provider says: {state}"
        if not isinstance(self._context.adapter, Explains):
            return note
        try:
            reason = self._context.adapter.reason(submission.provider_id or "")
        except ProviderError:
            return note
        return f"{note}: {reason}" if reason else note

    def _handle_unknown_job(self, submission: Submission, error: UnknownJob) -> bool:
        if self._context.adapter.ephemeral:
            self._context.store.move(submission, "sent", "the job ended with its process")
            return True
        if self._context.clock.now() < self._context.listing_deadline(submission):
            self._context.retry_later(submission, error)
            return False
        self._context.end_submission(submission, "lost", message_with_remedy(error))
        return True

    def _cancel_if_requested(self, submission: Submission) -> None:
        job_id = submission.provider_id or ""
        if job_id not in self._cancel_requested and self._context.store.is_cancelled(
            submission.run_id
        ):
            self._context.notify(f"{submission.tag}: cancelling job {job_id}")
            self._request_cancellation(submission, job_id)

    def _request_cancellation(self, submission: Submission, job_id: str) -> None:
        """Request the cancellation of a job once; a call without an answer is repeated later."""
        try:
            self._context.adapter.cancel(job_id)
        except (RateLimited, Unavailable):
            raise
        except ProviderError as error:
            self._context.notify(
                f"{submission.tag}: job {job_id} is not cancelled: {message_with_remedy(error)}"
            )
        self._cancel_requested.add(job_id)

    def _keep_oldest_job(self, submission: Submission) -> Submission:
        """Keep the oldest job of a tag; cancel duplicates, made by retries within a client."""
        job_ids = list(self._context.adapter.find(submission.tag))
        if len(job_ids) > 1:
            if submission.provider_id != job_ids[0]:
                submission = self._context.store.move(
                    submission,
                    submission.state,
                    f"keeping the older job {job_ids[0]}",
                    provider_id=job_ids[0],
                )
            self.cancel_duplicates(submission, job_ids)
        return submission

    def cancel_duplicates(self, submission: Submission, job_ids: Sequence[str]) -> None:
        """Cancel all jobs of a tag except the first.

        Args:
            submission: the submission that bears the tag.
            job_ids: the provider's ids of its jobs, oldest first.
        """
        for extra in job_ids[1:]:
            if extra in self._cancel_requested:
                continue
            self._context.notify(
                f"{submission.tag}: job {extra} is a duplicate made by a repeated call; "
                f"cancelling it and keeping {job_ids[0]}"
            )
            try:
                self._request_cancellation(submission, extra)
            except ProviderError as error:
                # Requested again when the tag is looked up next.
                self._context.notify(
                    f"{submission.tag}: duplicate {extra} is not cancelled yet: {error}"
                )

    def _outcome(
        self, circuit: CircuitRecord, result: BitArray | CircuitFailure, *, cancelled: bool
    ) -> CircuitOutcome:
        if isinstance(result, BitArray):
            return CircuitOutcome(
                circuit.identity, pack_shots(result), result.num_bits, None, "counted"
            )
        failure = {"message": result.message, "code": result.code}
        attempts = circuit.attempts + 1
        is_retried = result.safe_to_retry and attempts < MOST_ATTEMPTS and not cancelled
        state: CircuitState = "pending" if is_retried else "failed"
        self._context.notify(
            f"{circuit.name}: {result.message}" + ("; sending it again" if is_retried else "")
        )
        return CircuitOutcome(circuit.identity, None, None, failure, state)
