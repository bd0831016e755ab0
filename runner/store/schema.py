"""Tables of the store.

A run has points (rows of its result), programs (compiled circuits) and circuits (one program with
shots, seed and repeat). Submissions send circuits; moves are their history.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects import mysql

SubmissionState = Literal[
    "planned",
    "intent",
    "sent",
    "accepted",
    "running",
    "done",
    "failed",
    "cancelled",
    "lost",
    "analysed",
]
OPEN: tuple[SubmissionState, ...] = ("planned", "intent", "sent", "accepted", "running", "done")
"""States of a submission that has not ended."""

AT_PROVIDER: tuple[SubmissionState, ...] = ("accepted", "running", "done")
"""States in which the provider certainly has the job."""

CircuitState = Literal["pending", "assigned", "counted", "failed", "cancelled", "lost"]

REVISION = "0002"
"""The newest migration: a store at this revision needs none."""

metadata = MetaData()

# MySQL's default types are too small for a device or a circuit.
Blob = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
Document = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")

runs = Table(
    "runs",
    metadata,
    Column("id", String(120), primary_key=True),
    Column("created_at", Float, nullable=False),
    Column("provider", String(40), nullable=False),
    Column("device", String(200), nullable=False, server_default=""),
    Column("cancelled", Integer, nullable=False, default=0),
    Column("document", Document, nullable=False),
)

points = Table(
    "points",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("row", Text, nullable=False),
)

programs = Table(
    "programs",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("stem", String(200), primary_key=True),
    Column("logical", Blob, nullable=False),
    Column("compiled", Blob, nullable=False),
    Column("document", Document, nullable=False),
)

circuits = Table(
    "circuits",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("identity", String(64), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("point", Integer, nullable=False),
    Column("name", String(200), nullable=False),
    Column("stem", String(200), nullable=False),
    Column("shots", Integer, nullable=False),
    # Seeds reach 2^63, beyond what every database calls an integer.
    Column("seed", String(20), nullable=False),
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("counts", Blob),
    Column("num_bits", Integer),
    Column("job", String(200)),
    Column("failure", Text),
    Index("circuits_by_state", "run_id", "state", "position"),
    Index("circuits_by_point", "run_id", "point", "position"),
)

submissions = Table(
    "submissions",
    metadata,
    Column("tag", String(120), primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("token", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("provider_id", String(200)),
    Column("sent_at", Float),
    Column("sends", Integer, nullable=False, default=0),
    Column("forecast_qpu_seconds", Float, nullable=False, default=0.0),
    Column("forecast_usd", Float, nullable=False, default=0.0),
    Column("billed_qpu_seconds", Float),
    Column("billed_usd", Float),
    Column("message", Text, nullable=False, default=""),
    Index("submissions_by_state", "run_id", "state", "number"),
)

submission_circuits = Table(
    "submission_circuits",
    metadata,
    Column("tag", ForeignKey("submissions.tag"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("identity", String(64), nullable=False),
)

moves = Table(
    "moves",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("tag", ForeignKey("submissions.tag"), nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("source", String(12), nullable=False),
    Column("target", String(12), nullable=False),
    Column("note", Text, nullable=False, default=""),
)

leases = Table(
    "leases",
    metadata,
    Column("run_id", String(120), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("until", Float, nullable=False),
)
"""Locks on runs in databases without advisory locks."""
