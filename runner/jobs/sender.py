"""From circuits to jobs: submissions are planned, sent exactly once, and found again by tag."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from qiskit.circuit import QuantumCircuit

from backends.adapter import Doubtful, Job, ProviderError, RateLimited, Refused, Request
from runner.config.run_config import BudgetConfig
from runner.errors import OverBudget, UserError
from runner.identity import identity
from runner.jobs.context import JobContext, message_with_remedy
from runner.jobs.follower import JobFollower
from runner.planning.grouping import groups
from runner.store.codec import circuit_from_bytes
from runner.store.locking import RequireLock
from runner.store.records import CircuitRecord, RunRecord, Submission

MOST_SENDS = 5
"""Attempts after which a submission that no listing shows counts as lost."""

CACHED_PROGRAMS = 300
"""Compiled circuits kept in memory, enough for a few jobs; others are read from the store."""


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
        self._programs: OrderedDict[tuple[str, str], QuantumCircuit] = OrderedDict()
        self.refusal: UserError | None = None

    def plan_submissions(self, run: RunRecord) -> None:
        """Plan submissions for all circuits that belong to none."""
        pending = self._context.store.pending_circuits(run.id)
        if not pending:
            return
        first = self._context.store.count_submissions(run.id)
        planned = []
        for number, group in enumerate(
            groups(pending, self._context.adapter.limits()), start=first
        ):
            tag = f"{run.id}-{number}"
            quote = self._context.adapter.forecast(self._requests(group, run.id))
            identities = [circuit.identity for circuit in group]
            planned.append((tag, identity({"tag": tag}), quote.usage, identities))
        self._context.store.add_submissions(run.id, planned)

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
        job = Job(
            submission.tag,
            submission.token,
            tuple(self._requests(self._context.store.circuits_of(submission.tag), run.id)),
        )
        require_lock()
        sent = self._context.store.mark_sent(submission)
        try:
            provider_id = self._context.adapter.submit(job)
        except RateLimited as error:
            # Nothing was made, so the same submission goes back and is sent again later.
            self._context.store.move(sent, "intent", str(error))
            self._context.backoff(sent).failed(self._context.clock.now(), error.retry_after_seconds)
            self._context.notify(f"{sent.tag}: {error}; trying again later")
            return True
        except Refused as error:
            self._context.store.move(sent, "intent", str(error))
            self.refusal = ProviderRefused(message_with_remedy(error))
            return True
        except Doubtful as error:
            self._context.backoff(sent).failed(self._context.clock.now())
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
            job_ids = list(self._context.adapter.find(submission.tag))
        except ProviderError as error:
            self._context.retry_later(submission, error)
            return False
        if job_ids:
            self._context.notify(f"{submission.tag}: the provider has it as job {job_ids[0]}")
            accepted = self._context.store.move(
                submission, "accepted", f"found by tag: job {job_ids[0]}", provider_id=job_ids[0]
            )
            self._follower.cancel_duplicates(accepted, job_ids)
            return True
        if self._context.clock.now() < self._context.listing_deadline(submission):
            self._context.backoff(submission).failed(self._context.clock.now())
            return False
        if submission.sends >= MOST_SENDS and not self._context.adapter.ephemeral:
            self._context.end_submission(
                submission,
                "lost",
                f"sent {submission.sends} times without a trace; adopt it by hand if it appears",
            )
            return True
        self._context.notify(f"{submission.tag}: no job bears the tag, so it is sent again")
        self._context.store.move(submission, "intent", "no job bears the tag")
        return True

    def _requests(self, circuits: Sequence[CircuitRecord], run_id: str) -> list[Request]:
        return [Request(self._program(run_id, c.stem), c.shots, c.seed) for c in circuits]

    def _program(self, run_id: str, stem: str) -> QuantumCircuit:
        if (run_id, stem) not in self._programs:
            program = self._context.store.program(run_id, stem)
            self._programs[run_id, stem] = circuit_from_bytes(program.compiled)
            if len(self._programs) > CACHED_PROGRAMS:
                self._programs.popitem(last=False)
        return self._programs[run_id, stem]
