"""From jobs to counts: accepted jobs are asked for, kept single, cancelled and collected."""

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
from runner.jobs.context import Desk, with_remedy
from runner.store.codec import pack_shots
from runner.store.records import CircuitOutcome, CircuitRecord, Submission
from runner.store.schema import CircuitState

MOST_ATTEMPTS = 3
"""A circuit whose failure is safe to retry is sent this often in all."""

MOST_USAGE_QUESTIONS = 5
"""After as many failures a result is stored without its bill."""


class Following:
    """Follows jobs that the provider has."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._cancel_asked: set[str] = set()

    def poll(self, submission: Submission) -> bool:
        """Ask where a job stands, and move on with it; say whether it moved."""
        job_id = submission.provider_id or ""
        try:
            if (
                self._desk.clock.now() <= self._desk.listed_by(submission)
                or submission.state == "accepted"
            ):
                submission = self._only_one(submission)
                job_id = submission.provider_id or ""
            self._cancel_if_asked(submission)
            state = self._desk.adapter.state(job_id)
        except UnknownJob as error:
            return self._unknown(submission, error)
        except ProviderError as error:
            self._desk.ask_again(submission, error)
            return False
        self._desk.pace(submission).succeeded(self._desk.clock.now())
        return self._follow(submission, state)

    def collect(self, submission: Submission) -> bool:
        """Fetch the results of a job that is done, with its bill; say whether they came."""
        job_id = submission.provider_id or ""
        try:
            submission = self._only_one(submission)
            results = self._desk.adapter.results(job_id)
        except UnknownJob as error:
            return self._unknown(submission, error)
        except ProviderError as error:
            self._desk.ask_again(submission, error)
            return False
        carried = self._desk.store.carried(submission.tag)
        if len(results) != len(carried):
            self._desk.end(
                submission,
                "failed",
                f"job {job_id} has {len(results)} results for {len(carried)} circuits",
            )
            return True
        try:
            billed: Usage | None = self._desk.adapter.usage(job_id)
        except ProviderError as error:
            if self._desk.pace(submission).failures < MOST_USAGE_QUESTIONS:
                self._desk.ask_again(submission, error)
                return False
            billed = None
        cancelled = self._desk.store.is_cancelled(submission.run_id)
        outcomes = [
            self._outcome(circuit, result, cancelled=cancelled)
            for circuit, result in zip(carried, results, strict=True)
        ]
        self._desk.store.settle(submission, "analysed", outcomes, billed)
        return True

    def _follow(self, submission: Submission, state: JobState) -> bool:
        if state == "done":
            self._desk.store.move(submission, "done")
            self._desk.pace(submission).not_before = 0.0
            return True
        if state in ("failed", "cancelled"):
            self._desk.end(
                submission, state, self._why(submission, state), self._billed(submission)
            )
            return True
        if state == "running" and submission.state == "accepted":
            self._desk.store.move(submission, "running")
        return False

    def _billed(self, submission: Submission) -> Usage | None:
        """What a job without results cost all the same, if the provider says so at once."""
        try:
            return self._desk.adapter.usage(submission.provider_id or "")
        except ProviderError:
            return None

    def _why(self, submission: Submission, state: JobState) -> str:
        said = f"the provider says: {state}"
        if not isinstance(self._desk.adapter, Explains):
            return said
        try:
            reason = self._desk.adapter.reason(submission.provider_id or "")
        except ProviderError:
            return said
        return f"{said}: {reason}" if reason else said

    def _unknown(self, submission: Submission, error: UnknownJob) -> bool:
        if self._desk.adapter.ephemeral:
            self._desk.store.move(submission, "sent", "the job ended with its process")
            return True
        if self._desk.clock.now() < self._desk.listed_by(submission):
            self._desk.ask_again(submission, error)
            return False
        self._desk.end(submission, "lost", with_remedy(error))
        return True

    def _cancel_if_asked(self, submission: Submission) -> None:
        job_id = submission.provider_id or ""
        if job_id not in self._cancel_asked and self._desk.store.is_cancelled(submission.run_id):
            self._desk.tell(f"{submission.tag}: cancelling job {job_id}")
            self._ask_to_cancel(submission, job_id)

    def _ask_to_cancel(self, submission: Submission, job_id: str) -> None:
        """Ask once for a job to be cancelled; a call that got no answer is made again later."""
        try:
            self._desk.adapter.cancel(job_id)
        except (RateLimited, Unavailable):
            raise
        except ProviderError as error:
            self._desk.tell(
                f"{submission.tag}: job {job_id} is not cancelled: {with_remedy(error)}"
            )
        self._cancel_asked.add(job_id)

    def _only_one(self, submission: Submission) -> Submission:
        """Keep the oldest job of a tag; cancel the others that a client's retries made."""
        found = list(self._desk.adapter.find(submission.tag))
        if len(found) > 1:
            if submission.provider_id != found[0]:
                submission = self._desk.store.move(
                    submission,
                    submission.state,
                    f"keeping the older job {found[0]}",
                    provider_id=found[0],
                )
            self.cancel_duplicates(submission, found)
        return submission

    def cancel_duplicates(self, submission: Submission, found: Sequence[str]) -> None:
        """Cancel all jobs of a tag but the first."""
        for extra in found[1:]:
            if extra in self._cancel_asked:
                continue
            self._desk.tell(
                f"{submission.tag}: job {extra} is a duplicate made by a repeated call; "
                f"cancelling it and keeping {found[0]}"
            )
            try:
                self._ask_to_cancel(submission, extra)
            except ProviderError as error:
                # It is asked again with the next look at the tag.
                self._desk.tell(
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
        again = result.safe_to_retry and attempts < MOST_ATTEMPTS and not cancelled
        state: CircuitState = "pending" if again else "failed"
        self._desk.tell(
            f"{circuit.name}: {result.message}" + ("; sending it again" if again else "")
        )
        return CircuitOutcome(circuit.identity, None, None, failure, state)
