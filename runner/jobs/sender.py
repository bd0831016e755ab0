"""From circuits to jobs: submissions are planned, sent exactly once, and found again by tag."""

from __future__ import annotations

from backends.adapter import Declined, Doubtful, ProviderError, RateLimited, Refused
from backends.errors import BackendError
from runner.config.run_config import BudgetConfig
from runner.errors import OverBudget, UserError
from runner.identity import identity
from runner.jobs.context import JobContext, message_with_remedy
from runner.jobs.follower import JobFollower
from runner.planning.grouping import groups
from runner.store.locking import RequireLock
from runner.store.records import RunRecord, Submission

MOST_SENDS = 5
"""Attempts after which a submission that no listing shows counts as lost."""


class ProviderRefused(UserError):
    """The provider refuses to take jobs; nothing was made by the refused call."""


class JobSender:
    """Plans submissions and sends them to the provider.

    Args:
        context: shared context of the job manager.
        follower: cancels duplicates of a job that is found by its tag.

    Attributes:
        refusal: why no more submissions are sent; None while the provider accepts jobs.
    """

    def __init__(self, context: JobContext, follower: JobFollower) -> None:
        self._context = context
        self._follower = follower
        self._declined: dict[str, Declined] = {}
        self.refusal: UserError | None = None

    def plan_submissions(self, run: RunRecord, *, needs_device: bool = True) -> None:
        """Plan submissions for all circuits that belong to none.

        Args:
            run: the run.
            needs_device: whether nothing is planned where the device cannot be reached; otherwise
                circuits are then shared out by the usual limits.
        """
        pending = self._context.store.pending_circuits(run.id)
        if not pending or (needs_device and not self.has_device()):
            return
        first = self._context.store.count_submissions(run.id)
        planned = []
        for number, group in enumerate(
            groups(pending, self._context.adapter.limits()), start=first
        ):
            tag = f"{run.id}-{number}"
            quote = self._context.adapter.forecast(self._context.requests(group, run.id))
            identities = [circuit.identity for circuit in group]
            planned.append((tag, identity({"tag": tag}), quote.usage, identities))
        self._context.store.add_submissions(run.id, planned)

    def has_device(self) -> bool:
        """Whether the device can be reached, which sending needs; if not, it is a refusal."""
        try:
            self._context.calls.require_device()
        except BackendError as error:
            remedy = getattr(error, "remedy", "")
            self.refusal = ProviderRefused(f"{error}; {remedy}" if remedy else str(error))
        return self.refusal is None

    def send(self, run: RunRecord, submission: Submission, require_lock: RequireLock) -> bool:
        """Send a submission that was certainly not sent; return whether it changed state.

        Args:
            run: its run.
            submission: a submission in state ``intent``.
            require_lock: raises if another process has taken over the run.
        """
        try:
            self._require_budget(run, submission)
        except OverBudget as error:
            self.refusal = error
            return False
        if not self.has_device():
            return False
        job = self._context.job(submission)
        require_lock()
        sent = self._context.store.mark_sent(submission)
        try:
            provider_id = self._context.calls.submit(job)
        except RateLimited as error:
            # Nothing was made, so the same submission goes back and is sent again later.
            self._context.store.move(sent, "intent", str(error))
            self._try_again_later(sent, error, error.retry_after_seconds)
            return True
        except Refused as error:
            self._context.store.move(sent, "intent", str(error))
            self.refusal = ProviderRefused(message_with_remedy(error))
            return True
        except Doubtful as error:
            self._note_declined(sent, error)
            self._context.notify(
                f"{sent.tag}: {error}; asking the provider for its tag before anything else"
            )
            return True
        accepted = self._context.store.move(
            sent, "accepted", f"job {provider_id}", provider_id=provider_id
        )
        if not self._context.adapter.ephemeral:
            self._context.notify(
                f"{sent.tag}: {len(job.requests)} circuits accepted as job {provider_id}"
            )
        self._context.backoff(accepted).succeeded(self._context.clock.now())
        return True

    def _note_declined(self, sent: Submission, error: Doubtful) -> None:
        """Schedule the look for the tag of a call that was declined, or got no answer."""
        backoff, now = self._context.backoff(sent), self._context.clock.now()
        if not isinstance(error, Declined):
            backoff.failed(now)
            return
        self._declined[sent.tag] = error
        if error.again:
            backoff.failed(now, error.retry_after_seconds)
        else:
            self.refusal = ProviderRefused(message_with_remedy(error))

    def _try_again_later(
        self, submission: Submission, error: ProviderError, asked_seconds: float | None
    ) -> None:
        wait = self._context.backoff(submission).failed(self._context.clock.now(), asked_seconds)
        self._context.notify(f"{submission.tag}: {error}; trying again later, in {wait:.0f} s")

    def _require_budget(self, run: RunRecord, submission: Submission) -> None:
        budget = BudgetConfig(**run.document["resolved"]["budget"])
        if budget.qpu_seconds is None and budget.usd is None:
            return
        account = self._context.store.account(run.id)
        spent = account.billed + account.awaited
        for name, used, needed, limit in (
            ("qpu_seconds", spent.qpu_seconds, submission.forecast.qpu_seconds, budget.qpu_seconds),
            ("usd", spent.usd, submission.forecast.usd, budget.usd),
        ):
            if limit is not None and used + needed > limit:
                raise OverBudget(
                    f"submission {submission.tag} would bring {name} to {used + needed:g} "
                    f"({used:g} used or on the way), but budget.{name} allows {limit:g}; it was "
                    "not sent. Start a new run with a larger budget or fewer shots"
                )

    def reconcile(self, submission: Submission) -> bool:
        """Look up the job of a submission whose call got no answer.

        Returns:
            Whether the submission changed state.
        """
        try:
            job_ids = list(self._context.calls.find(submission.tag))
        except ProviderError as error:
            self._context.retry_later(submission, error)
            return False
        if job_ids:
            declined = self._declined.pop(submission.tag, None)
            if declined is not None and not declined.again:
                self.refusal = None  # It was taken all the same.
            self._context.notify(f"{submission.tag}: the provider has it as job {job_ids[0]}")
            accepted = self._context.store.move(
                submission, "accepted", f"found by tag: job {job_ids[0]}", provider_id=job_ids[0]
            )
            self._follower.cancel_duplicates(accepted, job_ids)
            return True
        if self._context.clock.now() < self._context.listing_deadline(submission):
            self._context.backoff(submission).failed(self._context.clock.now())
            return False
        declined = self._declined.pop(submission.tag, None)
        if declined is not None:
            # The refusal is believed now; it is no attempt of which nothing was heard.
            self._context.store.move(
                submission, "intent", str(declined), sends=submission.sends - 1
            )
            if declined.again:
                self._try_again_later(submission, declined, declined.retry_after_seconds)
            return True
        if submission.sends >= MOST_SENDS and not self._context.adapter.ephemeral:
            self._context.end_submission(
                submission,
                "lost",
                f"sent {submission.sends} times without a trace; 'enclone resume "
                f"{submission.run_id}' looks for it again",
            )
            return True
        self._context.notify(f"{submission.tag}: no job bears the tag, so it is sent again")
        self._context.store.move(submission, "intent", "no job bears the tag")
        return True
