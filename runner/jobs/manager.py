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
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from backends.adapter import Adapter
from backends.errors import BackendError
from runner.errors import UserError
from runner.jobs.clock import Clock, SystemClock
from runner.jobs.context import JobContext
from runner.jobs.follower import JobFollower
from runner.jobs.sender import JobSender
from runner.store.locking import RequireLock, run_lock
from runner.store.records import RunRecord, Submission, Tally
from runner.store.schema import AT_PROVIDER, OPEN
from runner.store.store import Store

TALLY_SECONDS = 0.25
"""Shortest time between two progress reports within a round."""


class JobManager:
    """Sends the circuits of a run to a provider and collects their counts.

    Args:
        store: holds runs, circuits, submissions and counts.
        adapter: the open connection to the device.
        clock: wall time and waiting; the system clock if None.
        notify: progress callback; receives one line of text for each event.
        on_tally: progress callback; receives the tally after every round.
        answers: folder for answers that cannot be read; None keeps none.
    """

    def __init__(
        self,
        store: Store,
        adapter: Adapter,
        *,
        clock: Clock | None = None,
        notify: Callable[[str], object] = lambda _: None,
        on_tally: Callable[[Tally], object] = lambda _: None,
        answers: Path | None = None,
    ) -> None:
        self._context = JobContext(store, adapter, clock or SystemClock(), notify, answers)
        self._follower = JobFollower(self._context)
        self._sender = JobSender(self._context, self._follower)
        self._on_tally = on_tally
        self._require_lock: RequireLock = lambda: None
        self._is_sending = True
        self._tallied_at = 0.0

    def work(
        self, run_id: str, *, wait: bool = True, send: bool = True, until: float | None = None
    ) -> Tally:
        """Send, follow and collect the submissions of a run.

        Args:
            run_id: the run.
            wait: continue until every submission has ended; otherwise stop when all that is left
                is waiting.
            send: also send pending submissions; otherwise only follow those that were sent.
            until: stop waiting at this time, seconds since 1970.

        Raises:
            RunIsBusy: if another process works on the run.
            OverBudget: if the next submission would exceed the budget.
            ProviderRefused: if the provider refuses to take jobs.
            Unusable: if the account must be repaired before the provider answers.
        """
        self._is_sending = send
        with run_lock(self._context.store.engine, run_id) as self._require_lock:
            run = self._context.store.run(run_id)
            self._look_again(run_id)
            while True:
                self._require_lock()
                cancelled = self._context.store.is_cancelled(run_id)
                if send and not cancelled and self._sender.refusal is None:
                    self._sender.plan_submissions(run)
                advanced = self._round(run)
                self._on_tally(self._context.store.tally(run_id))
                if advanced:
                    continue
                waiting = self._waiting(run_id)
                if not waiting or not wait:
                    break
                if until is not None and min(waiting) > until:
                    break
                self._context.clock.sleep(max(0.01, min(waiting) - self._context.clock.now()))
            if self._sender.refusal is not None:
                raise self._sender.refusal
            return self._context.store.tally(run_id)

    def cancel(self, run_id: str) -> Tally:
        """Cancel what can be cancelled, and wait until the provider has ended the rest."""
        self._context.store.cancel_run(run_id)
        return self.work(run_id)

    def _look_again(self, run_id: str) -> None:
        """Ask once more for what was given up."""
        may_send = self._is_sending and not self._context.store.is_cancelled(run_id)
        for submission in self._context.store.submissions(run_id, ("lost",)):
            self._follower.look_again(submission, may_send=may_send)

    def adopt(self, run_id: str, tag: str | None = None, job_id: str | None = None) -> list[str]:
        """Take over jobs that are at the provider but not in the store.

        Args:
            run_id: the run they belong to.
            tag: tag of the one submission to look for; None for all that have no job.
            job_id: the provider's id of its job, where its listing does not show the tag.

        Returns:
            The ids of the jobs that were taken over.

        Raises:
            UserError: if there is no such submission or job.
        """
        with run_lock(self._context.store.engine, run_id):
            run = self._context.store.run(run_id)
            if tag is None and not run.cancelled:
                # Tags are numbered, so a run that was stored anew gets those of its old jobs.
                with suppress(BackendError):
                    # Without the device, circuits are shared out by the usual limits.
                    self._context.calls.require_device()
                self._sender.plan_submissions(run, needs_device=False)
            known = {s.tag: s for s in self._context.store.submissions(run_id)}
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
                found = [_bare_id(job_id)] if job_id else self._context.calls.find(submission.tag)
                if found and self._is_its_job(submission, found[0], by_hand=tag is not None):
                    self._context.store.reopen(submission, found[0])
                    adopted.append(found[0])
            if tag is not None and not adopted:
                raise UserError(
                    f"the provider lists no job with tag '{tag}'; give its id by hand, with --job"
                )
            return adopted

    def _is_its_job(self, submission: Submission, job_id: str, *, by_hand: bool) -> bool:
        """Whether a job is the one that a submission sent, as far as the provider tells."""
        self._context.calls.state(job_id)
        differences = self._context.calls.differences(job_id, lambda: self._context.job(submission))
        if not differences:
            return True
        problem = f"job '{job_id}' is not that of '{submission.tag}': {'; '.join(differences)}"
        if by_hand:
            raise UserError(problem)
        self._context.notify(problem)
        return False

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
        for submission in self._context.store.submissions(run.id, OPEN):
            # Each as far as possible before the next: fewer are in doubt if the process dies.
            current: Submission | None = submission
            while (
                current is not None
                and current.tag not in self._context.set_aside
                and self._context.backoff(current).not_before <= self._context.clock.now()
                and self._step(run, current)
            ):
                advanced = True
                current = self._context.store.submission(current.tag, OPEN)
            self._report_progress(run.id)
        return advanced

    def _report_progress(self, run_id: str) -> None:
        if self._context.clock.now() >= self._tallied_at + TALLY_SECONDS:
            self._on_tally(self._context.store.tally(run_id))
            self._tallied_at = self._context.clock.now()

    def _waiting(self, run_id: str) -> list[float]:
        """Time of the next query about each open submission, seconds since 1970."""
        waiting = []
        for submission in self._context.store.submissions(run_id, OPEN):
            if submission.tag in self._context.set_aside:
                continue
            if submission.state in ("planned", "intent") and not self._may_send():
                continue
            waiting.append(self._context.backoff(submission).not_before)
        return waiting

    def _may_send(self) -> bool:
        return self._is_sending and self._sender.refusal is None

    def _step(self, run: RunRecord, submission: Submission) -> bool:
        """Advance a submission if possible; return whether it changed state."""
        if submission.state in ("planned", "intent"):
            if self._context.store.is_cancelled(run.id):
                self._context.end_submission(
                    submission, "cancelled", "cancelled before it was sent"
                )
                return True
            if not self._may_send():
                return False
            if submission.state == "planned":
                self._context.store.move(submission, "intent")
                return True
            return self._sender.send(run, submission, self._require_lock)
        if submission.state == "sent":
            return self._sender.reconcile(submission)
        if submission.state == "done":
            return self._follower.collect(submission)
        return self._follower.poll(submission)


def _bare_id(text: str) -> str:
    """A job's id as it was pasted: without blanks and quotes, or out of a page's address.

    >>> _bare_id(" 'd79abc' ")
    'd79abc'
    >>> _bare_id("https://quantum.cloud.ibm.com/jobs/d79abc?user=me")
    'd79abc'
    """
    bare = text.strip().strip("'\"").strip()
    if bare.startswith(("https://", "http://")):
        return urlsplit(bare).path.rstrip("/").rsplit("/", 1)[-1]
    return bare


def _has_job(submission: Submission) -> bool:
    """Whether the provider has, or had, a job of the submission for certain."""
    return submission.state in AT_PROVIDER or submission.state == "analysed"
