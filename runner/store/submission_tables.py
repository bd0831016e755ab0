"""Submissions in the store: their changes of state, and the results of their jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, insert, or_, select, update

from backends.adapter import Usage
from runner.store.circuit_rows import circuit_record
from runner.store.connection import StoreConnection
from runner.store.database import StoreError
from runner.store.records import Account, CircuitOutcome, CircuitRecord, Submission
from runner.store.schema import (
    AT_PROVIDER,
    SubmissionState,
    circuits,
    moves,
    submission_circuits,
    submissions,
)


class StaleState(StoreError):
    """A submission is no longer in the expected state: another process has moved it."""


class StoredSubmissions(StoreConnection):
    """The submissions of a store."""

    def submissions(
        self, run_id: str, states: Sequence[SubmissionState] | None = None
    ) -> list[Submission]:
        """The submissions of a run in order: all, or those in the given states."""
        query = select(submissions).where(submissions.c.run_id == run_id)
        if states is not None:
            query = query.where(submissions.c.state.in_(states))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(submissions.c.number)).all()
        return [_submission(row) for row in rows]

    def account(self, run_id: str) -> Account:
        """Cost of the submissions of a run, summed by the database."""
        billed = submissions.c.billed_qpu_seconds.is_not(None)
        awaited = and_(
            submissions.c.billed_qpu_seconds.is_(None),
            or_(
                submissions.c.state.in_(("sent", *AT_PROVIDER)),
                # A job that the provider had, and denies, may have to be paid for.
                and_(submissions.c.state == "lost", submissions.c.provider_id.is_not(None)),
            ),
        )

        def total(column: Any, condition: Any) -> Any:
            return func.coalesce(func.sum(case((condition, column), else_=0)), 0)

        seconds, usd = submissions.c.forecast_qpu_seconds, submissions.c.forecast_usd
        sent = submissions.c.sends > 0
        query = select(
            total(1, sent),
            total(seconds, sent),
            total(usd, sent),
            total(submissions.c.billed_qpu_seconds, billed),
            total(submissions.c.billed_usd, billed),
            total(seconds, awaited),
            total(usd, awaited),
            total(1, awaited),
        ).where(submissions.c.run_id == run_id)
        with self._reading() as connection:
            found = connection.execute(query).one()
        return Account(
            int(found[0]),
            Usage(float(found[1]), float(found[2])),
            Usage(float(found[3]), float(found[4])),
            Usage(float(found[5]), float(found[6])),
            int(found[7]),
        )

    def last_moved_at(self, run_id: str) -> float | None:
        """Time of the last change of state of any submission, in seconds since 1970."""
        query = (
            select(func.max(moves.c.at))
            .join(submissions, submissions.c.tag == moves.c.tag)
            .where(submissions.c.run_id == run_id)
        )
        with self._reading() as connection:
            return connection.scalar(query)

    def submission(
        self, tag: str, states: Sequence[SubmissionState] | None = None
    ) -> Submission | None:
        """The submission with a tag; None if there is none, or none in the given states."""
        query = select(submissions).where(submissions.c.tag == tag)
        if states is not None:
            query = query.where(submissions.c.state.in_(states))
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return _submission(row) if row else None

    def count_submissions(self, run_id: str) -> int:
        """Number of all submissions of a run."""
        query = select(func.count()).where(submissions.c.run_id == run_id)
        with self._reading() as connection:
            return int(connection.scalar(query) or 0)

    def add_submissions(
        self, run_id: str, groups: Sequence[tuple[str, str, Usage, Sequence[str]]]
    ) -> None:
        """Add planned submissions.

        Args:
            run_id: the run.
            groups: (tag, token, expected usage, identities of pending circuits) of each.
        """
        with self._transaction() as connection:
            last = connection.scalar(
                select(func.max(submissions.c.number)).where(submissions.c.run_id == run_id)
            )
            first = 0 if last is None else last + 1
            for number, (tag, token, forecast, identities) in enumerate(groups, start=first):
                connection.execute(
                    insert(submissions).values(
                        tag=tag,
                        run_id=run_id,
                        number=number,
                        token=token,
                        state="planned",
                        sends=0,
                        forecast_qpu_seconds=forecast.qpu_seconds,
                        forecast_usd=forecast.usd,
                        message="",
                    )
                )
                connection.execute(
                    insert(submission_circuits),
                    [
                        {"tag": tag, "position": k, "identity": identity}
                        for k, identity in enumerate(identities)
                    ],
                )
                connection.execute(
                    update(circuits)
                    .where(
                        circuits.c.run_id == run_id,
                        circuits.c.identity.in_(_identities_in(tag)),
                        circuits.c.state == "pending",
                    )
                    .values(state="assigned")
                )

    def circuits_of(self, tag: str) -> list[CircuitRecord]:
        """The circuits of a submission, in the order of its job."""
        query = (
            select(circuits)
            .join(submissions, submissions.c.run_id == circuits.c.run_id)
            .join(
                submission_circuits,
                (submission_circuits.c.tag == submissions.c.tag)
                & (submission_circuits.c.identity == circuits.c.identity),
            )
            .where(submissions.c.tag == tag)
            .order_by(submission_circuits.c.position)
        )
        with self._reading() as connection:
            return [circuit_record(row) for row in connection.execute(query)]

    def move(
        self,
        submission: Submission,
        target: SubmissionState,
        note: str = "",
        **changes: Any,
    ) -> Submission:
        """Move a submission from the state of the record to another.

        Args:
            submission: the submission, with the state that it is expected to be in.
            target: the new state.
            note: a remark for its history.
            changes: columns of the table and their new values.

        Returns:
            The submission after the change.

        Raises:
            StaleState: if it is no longer in that state.
        """
        with self._transaction() as connection:
            self._move(connection, submission, target, note, changes)
            row = connection.execute(
                select(submissions).where(submissions.c.tag == submission.tag)
            ).one()
        return _submission(row)

    def mark_sent(self, submission: Submission) -> Submission:
        """Move a submission to ``sent``, before the call that sends it."""
        now = self._clock()
        with self._transaction() as connection:
            changes = {"sent_at": now, "sends": submission.sends + 1}
            self._move(connection, submission, "sent", f"attempt {submission.sends + 1}", changes)
            row = connection.execute(
                select(submissions).where(submissions.c.tag == submission.tag)
            ).one()
        return _submission(row)

    def record_outcomes(
        self,
        submission: Submission,
        target: SubmissionState,
        outcomes: Sequence[CircuitOutcome],
        billed: Usage | None,
        note: str = "",
    ) -> None:
        """End a submission and store the results of its circuits; stored counts never change.

        Args:
            submission: the submission, with the state that it is expected to be in.
            target: the new state.
            outcomes: results of its circuits.
            billed: usage that the provider states; None if unknown.
            note: a remark for its history.

        Raises:
            StaleState: if it is no longer in that state.
        """
        with self._transaction() as connection:
            changes: dict[str, Any] = {}
            if billed is not None:
                changes = {"billed_qpu_seconds": billed.qpu_seconds, "billed_usd": billed.usd}
            self._move(connection, submission, target, note, changes)
            for outcome in outcomes:
                connection.execute(
                    update(circuits)
                    .where(
                        circuits.c.run_id == submission.run_id,
                        circuits.c.identity == outcome.identity,
                        circuits.c.counts.is_(None),
                    )
                    .values(
                        state=outcome.state,
                        attempts=circuits.c.attempts + 1,
                        counts=outcome.counts,
                        num_bits=outcome.num_bits,
                        job=submission.provider_id,
                        failure=json.dumps(outcome.failure) if outcome.failure else None,
                    )
                )

    def reopen(self, submission: Submission, provider_id: str | None) -> Submission:
        """Move an ended submission back to ``accepted``, with a job that was found for it.

        Without a job it goes back to ``intent``, to be sent again.
        """
        target: SubmissionState = "intent" if provider_id is None else "accepted"
        with self._transaction() as connection:
            note = "no job bears the tag" if provider_id is None else f"adopted job {provider_id}"
            self._move(connection, submission, target, note, {"provider_id": provider_id})
            connection.execute(
                update(circuits)
                .where(
                    circuits.c.run_id == submission.run_id,
                    circuits.c.identity.in_(_identities_in(submission.tag)),
                    circuits.c.counts.is_(None),
                )
                .values(state="assigned", failure=None)
            )
            row = connection.execute(
                select(submissions).where(submissions.c.tag == submission.tag)
            ).one()
        return _submission(row)

    def history(self, tag: str) -> list[tuple[float, str, str, str]]:
        """Changes of state of a submission: (seconds since 1970, from, to, note)."""
        query = select(moves).where(moves.c.tag == tag).order_by(moves.c.id)
        with self._reading() as connection:
            return [(m.at, m.source, m.target, m.note) for m in connection.execute(query)]

    def _move(
        self,
        connection: Connection,
        submission: Submission,
        target: SubmissionState,
        note: str,
        changes: dict[str, Any],
    ) -> None:
        result = connection.execute(
            update(submissions)
            .where(submissions.c.tag == submission.tag, submissions.c.state == submission.state)
            .values(state=target, **({"message": note} if note else {}), **changes)
        )
        if result.rowcount != 1:
            raise StaleState(
                f"submission {submission.tag} is no longer '{submission.state}': another process "
                "works on this run; look on with 'enclone status'"
            )
        connection.execute(
            insert(moves).values(
                tag=submission.tag,
                at=self._clock(),
                source=submission.state,
                target=target,
                note=note,
            )
        )


def _identities_in(tag: str) -> Any:
    """Subquery: the identities of the circuits of a submission."""
    return select(submission_circuits.c.identity).where(submission_circuits.c.tag == tag)


def _submission(row: Row[Any]) -> Submission:
    billed = None
    if row.billed_qpu_seconds is not None:
        billed = Usage(row.billed_qpu_seconds, row.billed_usd)
    return Submission(
        tag=row.tag,
        run_id=row.run_id,
        number=row.number,
        token=row.token,
        state=row.state,
        provider_id=row.provider_id,
        sent_at=row.sent_at,
        sends=row.sends,
        forecast=Usage(row.forecast_qpu_seconds, row.forecast_usd),
        billed=billed,
        message=row.message,
    )
