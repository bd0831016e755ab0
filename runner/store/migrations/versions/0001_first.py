"""The first tables."""

import sqlalchemy as sa
from alembic import op

from runner.store.schema import Blob, Document

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(120), primary_key=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("provider", sa.String(40), nullable=False),
        sa.Column("cancelled", sa.Integer, nullable=False),
        sa.Column("document", Document, nullable=False),
    )
    op.create_table(
        "points",
        sa.Column("run_id", sa.String(120), sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("row", sa.Text, nullable=False),
    )
    op.create_table(
        "programs",
        sa.Column("run_id", sa.String(120), sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("stem", sa.String(200), primary_key=True),
        sa.Column("logical", Blob, nullable=False),
        sa.Column("compiled", Blob, nullable=False),
        sa.Column("document", Document, nullable=False),
    )
    op.create_table(
        "circuits",
        sa.Column("run_id", sa.String(120), sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("identity", sa.String(64), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("point", sa.Integer, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("stem", sa.String(200), nullable=False),
        sa.Column("shots", sa.Integer, nullable=False),
        sa.Column("seed", sa.String(20), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("counts", Blob),
        sa.Column("num_bits", sa.Integer),
        sa.Column("job", sa.String(200)),
        sa.Column("failure", sa.Text),
    )
    op.create_index("circuits_by_state", "circuits", ["run_id", "state", "position"])
    op.create_table(
        "submissions",
        sa.Column("tag", sa.String(120), primary_key=True),
        sa.Column("run_id", sa.String(120), sa.ForeignKey("runs.id"), nullable=False, index=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("provider_id", sa.String(200)),
        sa.Column("sent_at", sa.Float),
        sa.Column("sends", sa.Integer, nullable=False),
        sa.Column("forecast_qpu_seconds", sa.Float, nullable=False),
        sa.Column("forecast_usd", sa.Float, nullable=False),
        sa.Column("billed_qpu_seconds", sa.Float),
        sa.Column("billed_usd", sa.Float),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_table(
        "submission_circuits",
        sa.Column("tag", sa.String(120), sa.ForeignKey("submissions.tag"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("identity", sa.String(64), nullable=False),
    )
    op.create_table(
        "moves",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "tag", sa.String(120), sa.ForeignKey("submissions.tag"), nullable=False, index=True
        ),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("source", sa.String(12), nullable=False),
        sa.Column("target", sa.String(12), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
