"""From circuits to jobs: submissions are planned, sent once each, and looked for when in doubt."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from qiskit.circuit import QuantumCircuit

from backends.adapter import Doubtful, Job, ProviderError, RateLimited, Refused, Request
from runner.config.run_config import BudgetConfig
from runner.errors import OverBudget, UserError
from runner.identity import identity
from runner.jobs.context import Desk, with_remedy
from runner.jobs.following import Following
from runner.planning.grouping import groups
from runner.store.codec import circuit_from_bytes
from runner.store.locking import Held
from runner.store.records import CircuitRecord, RunRecord, Submission

MOST_SENDS = 5
"""A submission that no listing ever shows is sent this often, then given up."""

CACHED_PROGRAMS = 300
"""Compiled circuits kept in memory, a few jobs' worth; others are read from the store again."""


class ProviderRefused(UserError):
    """The provider refuses to take jobs; nothing was made by the refused call."""


class Sending:
    """Brings circuits to the provider.

    Attributes:
        refusal: why nothing more is sent; None as long as jobs are taken.
    """

    def __init__(self, desk: Desk, following: Following) -> None:
        self._desk = desk
        self._following = following
        self._programs: OrderedDict[tuple[str, str], QuantumCircuit] = OrderedDict()
        self.refusal: UserError | None = None

    def plan(self, run: RunRecord) -> None:
        """Plan submissions for all circuits that none carries."""
        pending = self._desk.store.pending(run.id)
        if not pending:
            return
        taken = self._desk.store.count_submissions(run.id)
        planned = []
        for number, group in enumerate(groups(pending, self._desk.adapter.limits()), start=taken):
            tag = f"{run.id}-{number}"
            quote = self._desk.adapter.forecast(self._requests(group, run.id))
            identities = [circuit.identity for circuit in group]
            planned.append((tag, identity({"tag": tag}), quote.usage, identities))
        self._desk.store.add_submissions(run.id, planned)

    def send(self, run: RunRecord, submission: Submission, held: Held) -> bool:
        """Send a submission that was certainly not sent; say whether it moved.

        Args:
            run: its run.
            submission: in ``intent``.
            held: raises if another process has taken the run over.
        """
        try:
            self._require_budget(run, submission)
        except OverBudget as error:
            self.refusal = error
            return False
        job = Job(
            submission.tag,
            submission.token,
            tuple(self._requests(self._desk.store.carried(submission.tag), run.id)),
        )
        held()
        sent = self._desk.store.mark_sent(submission)
        try:
            provider_id = self._desk.adapter.submit(job)
        except RateLimited as error:
            # Nothing was made, so the same submission goes back and is sent again later.
            self._desk.store.move(sent, "intent", str(error))
            self._desk.pace(sent).failed(self._desk.clock.now(), error.retry_after_seconds)
            self._desk.tell(f"{sent.tag}: {error}; trying again later")
            return True
        except Refused as error:
            self._desk.store.move(sent, "intent", str(error))
            self.refusal = ProviderRefused(with_remedy(error))
            return True
        except Doubtful as error:
            self._desk.pace(sent).failed(self._desk.clock.now())
            self._desk.tell(
                f"{sent.tag}: {error}; asking the provider for its tag before anything else"
            )
            return True
        accepted = self._desk.store.move(
            sent, "accepted", f"job {provider_id}", provider_id=provider_id
        )
        if not self._desk.adapter.ephemeral:
            self._desk.tell(
                f"{sent.tag}: {len(job.requests)} circuits accepted as job {provider_id}"
            )
        self._desk.pace(accepted).succeeded(self._desk.clock.now())
        return True

    def _require_budget(self, run: RunRecord, submission: Submission) -> None:
        budget = BudgetConfig(**run.document["resolved"]["budget"])
        if budget.qpu_seconds is None and budget.usd is None:
            return
        account = self._desk.store.account(run.id)
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
        """Find out what became of a submission whose answer never came."""
        try:
            found = list(self._desk.adapter.find(submission.tag))
        except ProviderError as error:
            self._desk.ask_again(submission, error)
            return False
        if found:
            self._desk.tell(f"{submission.tag}: the provider has it as job {found[0]}")
            accepted = self._desk.store.move(
                submission, "accepted", f"found by tag: job {found[0]}", provider_id=found[0]
            )
            self._following.cancel_duplicates(accepted, found)
            return True
        if self._desk.clock.now() < self._desk.listed_by(submission):
            self._desk.pace(submission).failed(self._desk.clock.now())
            return False
        if submission.sends >= MOST_SENDS and not self._desk.adapter.ephemeral:
            self._desk.end(
                submission,
                "lost",
                f"sent {submission.sends} times without a trace; adopt it by hand if it appears",
            )
            return True
        self._desk.tell(f"{submission.tag}: no job bears the tag, so it is sent again")
        self._desk.store.move(submission, "intent", "no job bears the tag")
        return True

    def _requests(self, circuits: Sequence[CircuitRecord], run_id: str) -> list[Request]:
        return [Request(self._program(run_id, c.stem), c.shots, c.seed) for c in circuits]

    def _program(self, run_id: str, stem: str) -> QuantumCircuit:
        if (run_id, stem) not in self._programs:
            program = self._desk.store.program(run_id, stem)
            self._programs[run_id, stem] = circuit_from_bytes(program.compiled)
            if len(self._programs) > CACHED_PROGRAMS:
                self._programs.popitem(last=False)
        return self._programs[run_id, stem]
