"""From accepted jobs to counts: polling, removal of duplicates, cancellation, collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qiskit.primitives import BitArray

from backends.adapter import (
    CircuitFailure,
    JobState,
    ProviderError,
    RateLimited,
    Unavailable,
    UnknownJob,
    Unusable,
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

MOST_DENIALS = 5
"""Answers "no such job" that are needed before a job is given up."""

DENIED_SECONDS = 120.0
"""Time over which they are needed."""

MOST_READS = 6
"""How often one command fetches results that cannot be read."""


class JobFollower:
    """Polls, cancels and collects the jobs that a provider has accepted.

    Args:
        context: shared context of the job manager.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._cancel_requested: set[str] = set()
        self._denials: dict[str, tuple[float, int]] = {}
        self._reads: Counter[str] = Counter()

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
            state = self._context.calls.state(job_id)
        except UnknownJob as error:
            return self._handle_unknown_job(submission, error)
        except ProviderError as error:
            self._context.retry_later(submission, error)
            return False
        self._denials.pop(submission.tag, None)
        self._context.backoff(submission).succeeded(self._context.clock.now())
        return self._follow(submission, state)

    def collect(self, submission: Submission) -> bool:
        """Fetch results and billed usage of a finished job; return whether the submission ended."""
        try:
            submission = self._keep_oldest_job(submission)
            job_id = submission.provider_id or ""
            results = self._context.calls.results(job_id)
            differences = self._context.calls.differences(
                job_id, lambda: self._context.job(submission)
            )
        except UnknownJob as error:
            return self._handle_unknown_job(submission, error)
        except (Unavailable, RateLimited, Unusable) as error:
            self._context.retry_later(submission, error)
            return False
        except ProviderError as error:
            self._handle_unreadable(submission, error)
            return False
        carried = self._context.store.circuits_of(submission.tag)
        if len(results) != len(carried):
            differences.append(f"{len(results)} results for {len(carried)} circuits")
        try:
            billed: Usage | None = self._context.calls.usage(job_id)
        except ProviderError as error:
            if self._context.backoff(submission).failures < MOST_USAGE_QUERIES:
                self._context.retry_later(submission, error)
                return False
            billed = None
        if differences:
            note = f"job {job_id} is not what was sent: {'; '.join(differences)}"
            self._context.end_submission(submission, "failed", note, billed)
            return True
        cancelled = self._context.store.is_cancelled(submission.run_id)
        outcomes = [
            self._outcome(circuit, self._fitting(circuit, result, submission), cancelled=cancelled)
            for circuit, result in zip(carried, results, strict=True)
        ]
        self._context.store.record_outcomes(submission, "analysed", outcomes, billed)
        return True

    def _handle_unreadable(self, submission: Submission, error: ProviderError) -> None:
        """Ask for results a few times more; then keep the answer and the bill."""
        self._reads[submission.tag] += 1
        if self._reads[submission.tag] < MOST_READS:
            self._context.retry_later(submission, error)
            return
        where = self._context.keep_answer(submission.provider_id or "", error)
        note = (
            f"job {submission.provider_id} is done, but its results cannot be read: {error}; asked "
            f"{MOST_READS} times, the answer lies in {where}; 'enclone resume {submission.run_id}' "
            "asks again"
        )
        self._context.leave(submission, note, self._billed(submission))

    def _fitting(
        self, circuit: CircuitRecord, result: BitArray | CircuitFailure, submission: Submission
    ) -> BitArray | CircuitFailure:
        """The shots of a circuit, if they are as many and as wide as was asked for."""
        if isinstance(result, CircuitFailure):
            return result
        bits = self._context.program(submission.run_id, circuit.stem).num_clbits
        if result.shape == () and (result.num_shots, result.num_bits) == (circuit.shots, bits):
            return result
        return CircuitFailure(
            f"{result.num_shots} shots of {result.num_bits} bits came back, but {circuit.shots} "
            f"shots of {bits} bits were asked for; they are not taken (job "
            f"{submission.provider_id} has them)",
            "MISFIT",
        )

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
            return self._context.calls.usage(submission.provider_id or "")
        except ProviderError:
            return None

    def _end_note(self, submission: Submission, state: JobState) -> str:
        note = f"the provider says: {state}"
        try:
            reason = self._context.calls.reason(submission.provider_id or "")
        except ProviderError:
            return note
        return f"{note}: {reason}" if reason else note

    def _handle_unknown_job(self, submission: Submission, error: UnknownJob) -> bool:
        """Give a job up only if its tag is not listed either, again and again over time."""
        if self._context.adapter.ephemeral:
            self._context.store.move(submission, "sent", "the job ended with its process")
            return True
        try:
            listed = self._context.calls.find(submission.tag)
        except ProviderError as unlisted:
            self._context.retry_later(submission, unlisted)
            return False
        now = self._context.clock.now()
        first, times = self._denials.get(submission.tag, (now, 0))
        times += 1
        self._denials[submission.tag] = first, times
        command = f"'enclone resume {submission.run_id}'"
        if listed and submission.provider_id not in listed:
            note = f"job {submission.provider_id} is unknown; its tag has job {listed[0]}"
            self._context.notify(f"{submission.tag}: {note}")
            self._context.store.move(submission, submission.state, note, provider_id=listed[0])
            return True
        if listed and times >= MOST_DENIALS:
            note = f"{error}; but the listing shows it: {command} asks again"
            self._context.leave(submission, note)
            return False
        if (
            not listed
            and times >= MOST_DENIALS
            and now >= max(first + DENIED_SECONDS, self._context.listing_deadline(submission))
        ):
            note = (
                f"{message_with_remedy(error)}; denied {times} times in {now - first:.0f} s, and "
                f"no job bears the tag; {command} asks again"
            )
            self._context.end_submission(submission, "lost", note)
            return True
        self._context.retry_later(submission, error)
        return False

    def look_again(self, submission: Submission, *, may_send: bool) -> None:
        """Take a submission that was given up back, if its job is there after all.

        One that was sent without a trace goes back to be sent again, if it still has none.

        Args:
            submission: a submission in state ``lost``.
            may_send: whether submissions may be sent.
        """
        known = submission.provider_id
        try:
            found = self._context.calls.find(submission.tag)
            if not found and known:
                self._context.calls.state(known)
                found = [known]
        except UnknownJob:
            found = []
        except ProviderError as error:
            self._context.notify(f"{submission.tag}: {error}; it stays lost for now")
            return
        if found:
            self._context.store.reopen(submission, found[0])
            self._context.notify(f"{submission.tag}: job {found[0]} is there after all")
        elif known:
            self._context.notify(f"{submission.tag}: job {known} is still unknown to the provider")
        elif may_send:
            self._context.store.reopen(submission, None)
            self._context.notify(f"{submission.tag}: no job bears the tag, so it is sent again")

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
            self._context.calls.cancel(job_id)
        except (RateLimited, Unavailable):
            raise
        except ProviderError as error:
            self._context.notify(
                f"{submission.tag}: job {job_id} is not cancelled: {message_with_remedy(error)}"
            )
        self._cancel_requested.add(job_id)

    def _keep_oldest_job(self, submission: Submission) -> Submission:
        """Keep the oldest job of a tag; cancel duplicates, made by retries within a client."""
        job_ids = list(self._context.calls.find(submission.tag))
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
