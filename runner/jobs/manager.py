"""The life of a submission, exactly once in effect.

Everything is written before it is done. ``intent`` is on disk with tag and token before anything
is sent, ``sent`` before the call itself, so whatever kills the process in between:

- found in ``intent``: it was certainly not sent;
- found in ``sent``: it may have been. The provider is asked for the tag, for as long as its
  listing may lag, and only when no job bears it is it sent again.

Calls that ask (find, state, results, usage) change nothing and are repeated with back-off. The
call that pays is never repeated blindly.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import (
    Adapter,
    CircuitFailure,
    Doubtful,
    Explains,
    Job,
    JobState,
    ProviderError,
    RateLimited,
    Refused,
    Request,
    Unavailable,
    UnknownJob,
    Unusable,
    Usage,
)
from runner.config import BudgetConfig
from runner.errors import OverBudget, UserError
from runner.identity import identity
from runner.jobs.clock import Clock, SystemClock
from runner.jobs.grouping import groups
from runner.jobs.pace import Pace
from runner.store.codec import circuit_from_bytes, pack_shots
from runner.store.locking import Held, run_lock
from runner.store.records import CircuitOutcome, CircuitRecord, RunRecord, Submission, Tally
from runner.store.schema import AT_PROVIDER, OPEN, CircuitState
from runner.store.store import Store

MOST_SENDS = 5
"""A submission that no listing ever shows is sent this often, then given up."""

MOST_ATTEMPTS = 3
"""A circuit whose failure is safe to retry is sent this often in all."""

MOST_USAGE_QUESTIONS = 5
"""After as many failures a result is stored without its bill."""

LISTING_MARGIN = 2.0
"""A listing gets this multiple of the lag that its provider states."""

TALLY_SECONDS = 0.25
"""Progress is told no more often than this."""

CACHED_PROGRAMS = 300
"""Compiled circuits kept in memory, a few jobs' worth; others are read from the store again."""


class ProviderRefused(UserError):
    """The provider refuses to take jobs; nothing was made by the refused call."""


class JobManager:
    """Brings the circuits of a run to a provider and their counts back.

    Args:
        store: where everything is written.
        adapter: the opened device.
        clock: time and waiting.
        tell: receives one line for everything worth telling.
        tallied: receives the tally after every round, for progress.
    """

    def __init__(
        self,
        store: Store,
        adapter: Adapter,
        *,
        clock: Clock | None = None,
        tell: Callable[[str], object] = lambda _: None,
        tallied: Callable[[Tally], object] = lambda _: None,
    ) -> None:
        self._store = store
        self._adapter = adapter
        self._clock = clock or SystemClock()
        self._tell = tell
        self._tallied = tallied
        self._paces: dict[str, Pace] = {}
        self._cancel_asked: set[str] = set()
        self._refusal: UserError | None = None
        self._programs: OrderedDict[tuple[str, str], QuantumCircuit] = OrderedDict()
        self._held: Held = lambda: None
        self._sending = True
        self._told_at = 0.0

    def work(
        self, run_id: str, *, wait: bool = True, send: bool = True, until: float | None = None
    ) -> Tally:
        """Do all that can be done for a run.

        Args:
            run_id: the run.
            wait: go on until every submission has ended; otherwise stop when only waiting is
                left.
            send: also send what was not sent yet; otherwise only follow what was.
            until: stop waiting at this time, seconds since 1970.

        Raises:
            RunIsBusy: if another process works on the run.
            OverBudget: if the next submission would exceed the budget.
            ProviderRefused: if the provider refuses to take jobs.
            Unusable: if the account must be mended before the provider says anything.
        """
        self._sending = send
        with run_lock(self._store.engine, run_id) as self._held:
            run = self._store.run(run_id)
            while True:
                self._held()
                cancelled = self._store.is_cancelled(run_id)
                if send and not cancelled:
                    self._plan_submissions(run)
                advanced = self._round(run)
                self._tallied(self._store.tally(run_id))
                if advanced:
                    continue
                waiting = self._waiting(run_id)
                if not waiting or not wait:
                    break
                if until is not None and min(waiting) > until:
                    break
                self._clock.sleep(max(0.01, min(waiting) - self._clock.now()))
            if self._refusal is not None:
                raise self._refusal
            return self._store.tally(run_id)

    def cancel(self, run_id: str) -> Tally:
        """Cancel what can be cancelled, and wait for the provider's word on the rest."""
        self._store.cancel_run(run_id)
        return self.work(run_id)

    def adopt(self, run_id: str, tag: str | None = None, job_id: str | None = None) -> list[str]:
        """Take over jobs that the provider knows and the store does not.

        Args:
            run_id: the run they belong to.
            tag: tag of the one submission to look for; None for all that have no job.
            job_id: the provider's id of its job, where its listing does not show the tag.

        Returns:
            The ids of the jobs that were taken over.

        Raises:
            UserError: if there is no such submission or job.
        """
        with run_lock(self._store.engine, run_id):
            run = self._store.run(run_id)
            if tag is None and not run.cancelled:
                # Tags are counted up, so a run that was stored anew gets those of its old jobs.
                self._plan_submissions(run)
            known = {s.tag: s for s in self._store.submissions(run_id)}
            orphans = [s for s in known.values() if not _has_job(s)]
            if tag is not None:
                orphans = [self._orphan(run_id, tag, known)]
            if job_id is not None and len(orphans) != 1:
                raise UserError(
                    f"job '{job_id}' could belong to any of {len(orphans)} submissions without "
                    f"a job; name its tag: {', '.join(s.tag for s in orphans) or 'there is none'}"
                )
            adopted = []
            for submission in orphans:
                found = [job_id] if job_id else list(self._adapter.find(submission.tag))
                if not found:
                    continue
                self._adapter.state(found[0])
                self._store.reopen(submission, found[0])
                adopted.append(found[0])
            if tag is not None and not adopted:
                raise UserError(
                    f"the provider lists no job with tag '{tag}'; give its id by hand, with --job"
                )
            return adopted

    def _orphan(self, run_id: str, tag: str, known: dict[str, Submission]) -> Submission:
        if tag not in known:
            raise UserError(
                f"run '{run_id}' has no submission '{tag}'; its tags are "
                f"'{run_id}-0' to '{run_id}-{len(known) - 1}'"
            )
        submission = known[tag]
        if _has_job(submission):
            raise UserError(f"submission '{tag}' already has job '{submission.provider_id}'")
        return submission

    # One round over all open submissions

    def _plan_submissions(self, run: RunRecord) -> None:
        pending = self._store.pending(run.id)
        if not pending:
            return
        taken = self._store.count_submissions(run.id)
        planned = []
        for number, group in enumerate(groups(pending, self._adapter.limits()), start=taken):
            tag = f"{run.id}-{number}"
            quote = self._adapter.forecast(self._requests(group, run.id))
            identities = [circuit.identity for circuit in group]
            planned.append((tag, identity({"tag": tag}), quote.usage, identities))
        self._store.add_submissions(run.id, planned)

    def _round(self, run: RunRecord) -> bool:
        advanced = False
        for submission in self._store.submissions(run.id, OPEN):
            # As far as it goes before the next begins: fewer are in doubt if the process dies.
            current: Submission | None = submission
            while (
                current is not None
                and self._pace(current).not_before <= self._clock.now()
                and self._step(run, current)
            ):
                advanced = True
                current = self._store.submission(current.tag, OPEN)
            self._tell_progress(run.id)
        return advanced

    def _tell_progress(self, run_id: str) -> None:
        if self._clock.now() >= self._told_at + TALLY_SECONDS:
            self._tallied(self._store.tally(run_id))
            self._told_at = self._clock.now()

    def _waiting(self, run_id: str) -> list[float]:
        """When each submission that only waits may be looked at again."""
        waiting = []
        for submission in self._store.submissions(run_id, OPEN):
            if submission.state in ("planned", "intent") and not self._may_send():
                continue
            waiting.append(self._pace(submission).not_before)
        return waiting

    def _may_send(self) -> bool:
        return self._sending and self._refusal is None

    def _step(self, run: RunRecord, submission: Submission) -> bool:
        """Move one submission on, if it can be; say whether it moved."""
        if submission.state in ("planned", "intent"):
            if self._store.is_cancelled(run.id):
                self._end(submission, "cancelled", "cancelled before it was sent")
                return True
            if not self._may_send():
                return False
            if submission.state == "planned":
                self._store.move(submission, "intent")
                return True
            return self._send(run, submission)
        if submission.state == "sent":
            return self._reconcile(submission)
        if submission.state == "done":
            return self._collect(submission)
        return self._poll(submission)

    # Sending

    def _send(self, run: RunRecord, submission: Submission) -> bool:
        try:
            self._require_budget(run, submission)
        except OverBudget as error:
            self._refusal = error
            return False
        job = Job(
            submission.tag,
            submission.token,
            tuple(self._requests(self._store.carried(submission.tag), run.id)),
        )
        self._held()
        sent = self._store.mark_sent(submission)
        try:
            provider_id = self._adapter.submit(job)
        except RateLimited as error:
            # Nothing was made, so the same submission goes back and is sent again later.
            self._store.move(sent, "intent", str(error))
            self._pace(sent).failed(self._clock.now(), error.retry_after_seconds)
            self._tell(f"{sent.tag}: {error}; trying again later")
            return True
        except Refused as error:
            self._store.move(sent, "intent", str(error))
            self._refusal = ProviderRefused(_with_remedy(error))
            return True
        except Doubtful as error:
            self._pace(sent).failed(self._clock.now())
            self._tell(f"{sent.tag}: {error}; asking the provider for its tag before anything else")
            return True
        accepted = self._store.move(sent, "accepted", f"job {provider_id}", provider_id=provider_id)
        if not self._adapter.ephemeral:
            self._tell(f"{sent.tag}: {len(job.requests)} circuits accepted as job {provider_id}")
        self._pace(accepted).succeeded(self._clock.now())
        return True

    def _require_budget(self, run: RunRecord, submission: Submission) -> None:
        budget = BudgetConfig(**run.document["resolved"]["budget"])
        if budget.qpu_seconds is None and budget.usd is None:
            return
        account = self._store.account(run.id)
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

    def _reconcile(self, submission: Submission) -> bool:
        """Find out what became of a submission whose answer never came."""
        try:
            found = list(self._adapter.find(submission.tag))
        except ProviderError as error:
            self._ask_again(submission, error)
            return False
        if found:
            self._tell(f"{submission.tag}: the provider has it as job {found[0]}")
            accepted = self._store.move(
                submission, "accepted", f"found by tag: job {found[0]}", provider_id=found[0]
            )
            self._cancel_duplicates(accepted, found)
            return True
        if self._clock.now() < self._listed_by(submission):
            self._pace(submission).failed(self._clock.now())
            return False
        if submission.sends >= MOST_SENDS and not self._adapter.ephemeral:
            self._end(
                submission,
                "lost",
                f"sent {submission.sends} times without a trace; adopt it by hand if it appears",
            )
            return True
        self._tell(f"{submission.tag}: no job bears the tag, so it is sent again")
        self._store.move(submission, "intent", "no job bears the tag")
        return True

    def _listed_by(self, submission: Submission) -> float:
        lag = self._adapter.limits().listing_lag_seconds
        return (submission.sent_at or 0.0) + LISTING_MARGIN * lag

    # Waiting

    def _poll(self, submission: Submission) -> bool:
        job_id = submission.provider_id or ""
        try:
            if self._clock.now() <= self._listed_by(submission) or submission.state == "accepted":
                submission = self._only_one(submission)
                job_id = submission.provider_id or ""
            self._cancel_if_asked(submission)
            state = self._adapter.state(job_id)
        except UnknownJob as error:
            return self._unknown(submission, error)
        except ProviderError as error:
            self._ask_again(submission, error)
            return False
        self._pace(submission).succeeded(self._clock.now())
        return self._follow(submission, state)

    def _cancel_if_asked(self, submission: Submission) -> None:
        job_id = submission.provider_id or ""
        if job_id not in self._cancel_asked and self._store.is_cancelled(submission.run_id):
            self._tell(f"{submission.tag}: cancelling job {job_id}")
            self._ask_to_cancel(submission, job_id)

    def _ask_to_cancel(self, submission: Submission, job_id: str) -> None:
        """Ask once for a job to be cancelled; a call that got no answer is made again later."""
        try:
            self._adapter.cancel(job_id)
        except (RateLimited, Unavailable):
            raise
        except ProviderError as error:
            self._tell(f"{submission.tag}: job {job_id} is not cancelled: {_with_remedy(error)}")
        self._cancel_asked.add(job_id)

    def _follow(self, submission: Submission, state: JobState) -> bool:
        if state == "done":
            self._store.move(submission, "done")
            self._pace(submission).not_before = 0.0
            return True
        if state in ("failed", "cancelled"):
            self._end(submission, state, self._why(submission, state), self._billed(submission))
            return True
        if state == "running" and submission.state == "accepted":
            self._store.move(submission, "running")
        return False

    def _billed(self, submission: Submission) -> Usage | None:
        """What a job without results cost all the same, if the provider says so at once."""
        try:
            return self._adapter.usage(submission.provider_id or "")
        except ProviderError:
            return None

    def _why(self, submission: Submission, state: JobState) -> str:
        said = f"the provider says: {state}"
        if not isinstance(self._adapter, Explains):
            return said
        try:
            reason = self._adapter.reason(submission.provider_id or "")
        except ProviderError:
            return said
        return f"{said}: {reason}" if reason else said

    def _unknown(self, submission: Submission, error: UnknownJob) -> bool:
        if self._adapter.ephemeral:
            self._store.move(submission, "sent", "the job ended with its process")
            return True
        if self._clock.now() < self._listed_by(submission):
            self._ask_again(submission, error)
            return False
        self._end(submission, "lost", _with_remedy(error))
        return True

    def _only_one(self, submission: Submission) -> Submission:
        """Keep the oldest job of a tag; cancel the others that a client's retries made."""
        found = list(self._adapter.find(submission.tag))
        if len(found) > 1:
            if submission.provider_id != found[0]:
                submission = self._store.move(
                    submission,
                    submission.state,
                    f"keeping the older job {found[0]}",
                    provider_id=found[0],
                )
            self._cancel_duplicates(submission, found)
        return submission

    def _cancel_duplicates(self, submission: Submission, found: Sequence[str]) -> None:
        for extra in found[1:]:
            if extra in self._cancel_asked:
                continue
            self._tell(
                f"{submission.tag}: job {extra} is a duplicate made by a repeated call; "
                f"cancelling it and keeping {found[0]}"
            )
            try:
                self._ask_to_cancel(submission, extra)
            except ProviderError as error:
                # It is asked again with the next look at the tag.
                self._tell(f"{submission.tag}: duplicate {extra} is not cancelled yet: {error}")

    # Collecting

    def _collect(self, submission: Submission) -> bool:
        job_id = submission.provider_id or ""
        try:
            submission = self._only_one(submission)
            results = self._adapter.results(job_id)
        except UnknownJob as error:
            return self._unknown(submission, error)
        except ProviderError as error:
            self._ask_again(submission, error)
            return False
        carried = self._store.carried(submission.tag)
        if len(results) != len(carried):
            self._end(
                submission,
                "failed",
                f"job {job_id} has {len(results)} results for {len(carried)} circuits",
            )
            return True
        try:
            billed: Usage | None = self._adapter.usage(job_id)
        except ProviderError as error:
            if self._pace(submission).failures < MOST_USAGE_QUESTIONS:
                self._ask_again(submission, error)
                return False
            billed = None
        cancelled = self._store.is_cancelled(submission.run_id)
        outcomes = [
            self._outcome(circuit, result, cancelled=cancelled)
            for circuit, result in zip(carried, results, strict=True)
        ]
        self._store.settle(submission, "analysed", outcomes, billed)
        return True

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
        self._tell(f"{circuit.name}: {result.message}" + ("; sending it again" if again else ""))
        return CircuitOutcome(circuit.identity, None, None, failure, state)

    def _end(
        self, submission: Submission, how: CircuitState, note: str, billed: Usage | None = None
    ) -> None:
        """End a submission without results, and with it every circuit that it carried."""
        if how not in ("failed", "cancelled", "lost"):
            raise ValueError(f"a submission cannot end as '{how}'")
        self._tell(f"{submission.tag}: {how}: {note}")
        outcomes = [
            CircuitOutcome(c.identity, None, None, {"message": note, "code": ""}, how)
            for c in self._store.carried(submission.tag)
        ]
        self._store.settle(submission, how, outcomes, billed, note)

    # Helpers

    def _ask_again(self, submission: Submission, error: ProviderError) -> None:
        if isinstance(error, Unusable):
            raise error
        # Safe: every caller only asked, or asked for a cancellation, which may be repeated.
        asked = error.retry_after_seconds if isinstance(error, RateLimited) else None
        self._pace(submission).failed(self._clock.now(), asked)
        passing = isinstance(error, (Unavailable, RateLimited))
        said = str(error) if passing else _with_remedy(error)
        self._tell(f"{submission.tag}: {said}; asking again")

    def _pace(self, submission: Submission) -> Pace:
        return self._paces.setdefault(submission.tag, Pace(self._adapter.limits().poll_seconds))

    def _requests(self, circuits: Sequence[CircuitRecord], run_id: str) -> list[Request]:
        return [Request(self._program(run_id, c.stem), c.shots, c.seed) for c in circuits]

    def _program(self, run_id: str, stem: str) -> QuantumCircuit:
        if (run_id, stem) not in self._programs:
            program = self._store.program(run_id, stem)
            self._programs[run_id, stem] = circuit_from_bytes(program.compiled)
            if len(self._programs) > CACHED_PROGRAMS:
                self._programs.popitem(last=False)
        return self._programs[run_id, stem]


def _has_job(submission: Submission) -> bool:
    return submission.state in AT_PROVIDER or submission.state == "analysed"


def _with_remedy(error: ProviderError) -> str:
    return f"{error}; {error.remedy}" if error.remedy else str(error)
