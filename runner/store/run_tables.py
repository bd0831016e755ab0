"""Runs in the store, with their points, programs and circuits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from runner.store.circuit_rows import circuit_record
from runner.store.connection import StoreConnection
from runner.store.database import StoreError
from runner.store.documents import read_document
from runner.store.records import CircuitRecord, PointRecord, ProgramRecord, RunRecord, Tally
from runner.store.schema import circuits, points, programs, runs


class RunExists(StoreError):
    """The store already has a run of that id."""


class StoredRuns(StoreConnection):
    """The runs of a store."""

    def create_run(
        self,
        run: RunRecord,
        rows: Sequence[PointRecord],
        compiled: Sequence[ProgramRecord],
        todo: Sequence[CircuitRecord],
    ) -> None:
        """Write a whole run in one transaction; afterwards it can be resumed.

        Args:
            run: the run.
            rows: its points, in order.
            compiled: its programs.
            todo: its circuits.

        Raises:
            RunExists: if there is a run of that id.
        """
        with self._transaction() as connection:
            self._claim(connection, run)
            connection.execute(
                insert(points),
                [
                    {"run_id": run.id, "position": k, "row": json.dumps(vars(row))}
                    for k, row in enumerate(rows)
                ],
            )
            connection.execute(
                insert(programs),
                [
                    {**vars(p), "run_id": run.id, "document": json.dumps(p.document)}
                    for p in compiled
                ],
            )
            connection.execute(
                insert(circuits),
                [{**vars(c), "run_id": run.id, "seed": str(c.seed), "failure": None} for c in todo],
            )

    def _claim(self, connection: Connection, run: RunRecord) -> None:
        row = insert(runs).values(
            id=run.id,
            created_at=run.created_at,
            provider=run.provider,
            device=run.device[:200],
            cancelled=int(run.cancelled),
            document=json.dumps(run.document),
        )
        try:
            connection.execute(row)
        except IntegrityError:
            raise RunExists(f"the store has a run '{run.id}' already") from None

    def run_ids(self) -> list[str]:
        """Ids of all runs, oldest first."""
        with self._reading() as connection:
            return list(
                connection.scalars(select(runs.c.id).order_by(runs.c.created_at, runs.c.id))
            )

    def runs_on(self, provider: str, device: str) -> list[RunRecord]:
        """The runs of a provider on a device of that name, oldest first."""
        wanted = select(runs).where(runs.c.provider == provider, runs.c.device == device)
        with self._reading() as connection:
            found = connection.execute(wanted.order_by(runs.c.created_at, runs.c.id)).all()
        return [
            RunRecord(
                *(r.id, r.created_at, r.provider, bool(r.cancelled), json.loads(r.document)),
                device=r.device,
            )
            for r in found
        ]

    def overview(self) -> list[tuple[RunRecord, Tally]]:
        """All runs without their documents, oldest first, each with its tally."""
        found: dict[str, dict[str, int]] = {}
        columns = [c for c in runs.c if c is not runs.c.document]
        with self._reading() as connection:
            rows = connection.execute(select(*columns).order_by(runs.c.created_at, runs.c.id)).all()
            counted = select(circuits.c.run_id, circuits.c.state, func.count()).group_by(
                circuits.c.run_id, circuits.c.state
            )
            for run_id, state, number in connection.execute(counted):
                found.setdefault(run_id, {})[state] = number
        return [
            (
                RunRecord(r.id, r.created_at, r.provider, bool(r.cancelled), {}, r.device),
                _tally(found.get(r.id, {})),
            )
            for r in rows
        ]

    def run(self, run_id: str) -> RunRecord:
        """One run.

        Raises:
            StoreError: if there is no such run.
        """
        with self._reading() as connection:
            row = connection.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
        if row is None:
            raise StoreError(f"the store has no run '{run_id}'; 'enclone list' shows all runs")
        document = read_document(row.document)
        return RunRecord(
            row.id, row.created_at, row.provider, bool(row.cancelled), document, row.device
        )

    def is_cancelled(self, run_id: str) -> bool:
        """Whether the user has cancelled a run."""
        with self._reading() as connection:
            return bool(connection.scalar(select(runs.c.cancelled).where(runs.c.id == run_id)))

    def cancel_run(self, run_id: str) -> None:
        """Mark a run as cancelled, with all of its circuits that were not sent."""
        with self._transaction() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(cancelled=1))
            connection.execute(
                update(circuits)
                .where(circuits.c.run_id == run_id, circuits.c.state == "pending")
                .values(state="cancelled")
            )

    def points(self, run_id: str) -> list[PointRecord]:
        """The points of a run, in order."""
        query = select(points.c.row).where(points.c.run_id == run_id).order_by(points.c.position)
        with self._reading() as connection:
            documents = [read_document(text) for text in connection.scalars(query)]
            return [PointRecord(**{**d, "candidates": tuple(d["candidates"])}) for d in documents]

    def program(self, run_id: str, stem: str) -> ProgramRecord:
        """One program of a run."""
        query = select(programs).where(programs.c.run_id == run_id, programs.c.stem == stem)
        with self._reading() as connection:
            return _program(connection.execute(query).one())

    def circuits(self, run_id: str, point: int | None = None) -> list[CircuitRecord]:
        """The circuits of a run in order: all, or those of the point at index ``point``."""
        query = select(circuits).where(circuits.c.run_id == run_id)
        if point is not None:
            query = query.where(circuits.c.point == point)
        with self._reading() as connection:
            found = connection.execute(query.order_by(circuits.c.position))
            return [circuit_record(row) for row in found]

    def pending_circuits(self, run_id: str) -> list[CircuitRecord]:
        """Circuits that belong to no open submission, in order."""
        query = (
            select(circuits)
            .where(circuits.c.run_id == run_id, circuits.c.state == "pending")
            .order_by(circuits.c.position)
        )
        with self._reading() as connection:
            return [circuit_record(row) for row in connection.execute(query)]

    def tally(self, run_id: str) -> Tally:
        """Number of circuits of a run in each state."""
        query = (
            select(circuits.c.state, func.count())
            .where(circuits.c.run_id == run_id)
            .group_by(circuits.c.state)
        )
        with self._reading() as connection:
            return _tally({row[0]: row[1] for row in connection.execute(query)})


def _tally(by_state: dict[str, int]) -> Tally:
    return Tally(sum(by_state.values()), by_state)


def _program(row: Row[Any]) -> ProgramRecord:
    return ProgramRecord(row.stem, row.logical, row.compiled, read_document(row.document))
