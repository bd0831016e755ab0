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

from collections.abc import Callable

from backends.adapter import Adapter
from runner.errors import UserError
from runner.jobs.clock import Clock, SystemClock
from runner.jobs.context import Desk
from runner.jobs.following import Following
from runner.jobs.sending import Sending
from runner.store.locking import Held, run_lock
from runner.store.records import RunRecord, Submission, Tally
from runner.store.schema import AT_PROVIDER, OPEN
from runner.store.store import Store

TALLY_SECONDS = 0.25
"""Progress is told no more often than this."""


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
        self._desk = Desk(store, adapter, clock or SystemClock(), tell)
        self._following = Following(self._desk)
        self._sending = Sending(self._desk, self._following)
        self._tallied = tallied
        self._held: Held = lambda: None
        self._send_too = True
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
        self._send_too = send
        with run_lock(self._desk.store.engine, run_id) as self._held:
            run = self._desk.store.run(run_id)
            while True:
                self._held()
                cancelled = self._desk.store.is_cancelled(run_id)
                if send and not cancelled:
                    self._sending.plan(run)
                advanced = self._round(run)
                self._tallied(self._desk.store.tally(run_id))
                if advanced:
                    continue
                waiting = self._waiting(run_id)
                if not waiting or not wait:
                    break
                if until is not None and min(waiting) > until:
                    break
                self._desk.clock.sleep(max(0.01, min(waiting) - self._desk.clock.now()))
            if self._sending.refusal is not None:
                raise self._sending.refusal
            return self._desk.store.tally(run_id)

    def cancel(self, run_id: str) -> Tally:
        """Cancel what can be cancelled, and wait for the provider's word on the rest."""
        self._desk.store.cancel_run(run_id)
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
        with run_lock(self._desk.store.engine, run_id):
            run = self._desk.store.run(run_id)
            if tag is None and not run.cancelled:
                # Tags are counted up, so a run that was stored anew gets those of its old jobs.
                self._sending.plan(run)
            known = {s.tag: s for s in self._desk.store.submissions(run_id)}
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
                found = [job_id] if job_id else list(self._desk.adapter.find(submission.tag))
                if not found:
                    continue
                self._desk.adapter.state(found[0])
                self._desk.store.reopen(submission, found[0])
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

    def _round(self, run: RunRecord) -> bool:
        advanced = False
        for submission in self._desk.store.submissions(run.id, OPEN):
            # As far as it goes before the next begins: fewer are in doubt if the process dies.
            current: Submission | None = submission
            while (
                current is not None
                and self._desk.pace(current).not_before <= self._desk.clock.now()
                and self._step(run, current)
            ):
                advanced = True
                current = self._desk.store.submission(current.tag, OPEN)
            self._tell_progress(run.id)
        return advanced

    def _tell_progress(self, run_id: str) -> None:
        if self._desk.clock.now() >= self._told_at + TALLY_SECONDS:
            self._tallied(self._desk.store.tally(run_id))
            self._told_at = self._desk.clock.now()

    def _waiting(self, run_id: str) -> list[float]:
        """When each submission that only waits may be looked at again."""
        waiting = []
        for submission in self._desk.store.submissions(run_id, OPEN):
            if submission.state in ("planned", "intent") and not self._may_send():
                continue
            waiting.append(self._desk.pace(submission).not_before)
        return waiting

    def _may_send(self) -> bool:
        return self._send_too and self._sending.refusal is None

    def _step(self, run: RunRecord, submission: Submission) -> bool:
        """Move one submission on, if it can be; say whether it moved."""
        if submission.state in ("planned", "intent"):
            if self._desk.store.is_cancelled(run.id):
                self._desk.end(submission, "cancelled", "cancelled before it was sent")
                return True
            if not self._may_send():
                return False
            if submission.state == "planned":
                self._desk.store.move(submission, "intent")
                return True
            return self._sending.send(run, submission, self._held)
        if submission.state == "sent":
            return self._sending.reconcile(submission)
        if submission.state == "done":
            return self._following.collect(submission)
        return self._following.poll(submission)


def _has_job(submission: Submission) -> bool:
    return submission.state in AT_PROVIDER or submission.state == "analysed"
