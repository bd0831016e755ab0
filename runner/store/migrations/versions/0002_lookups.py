"""The device of a run in a column of its own, indices for long runs, and leases."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_RUNS = sa.table(
    "runs",
    sa.column("id", sa.String),
    sa.column("device", sa.String),
    sa.column("document", sa.Text),
)


def upgrade() -> None:
    """Add the column and fill it from the runs' documents; make indices and leases."""
    op.add_column("runs", sa.Column("device", sa.String(200), nullable=False, server_default=""))
    connection = op.get_bind()
    for run in connection.execute(sa.select(_RUNS.c.id, _RUNS.c.document)).all():
        device = json.loads(run.document)["resolved"]["backend"]["device"]
        connection.execute(sa.update(_RUNS).where(_RUNS.c.id == run.id).values(device=device[:200]))
    op.create_index("submissions_by_state", "submissions", ["run_id", "state", "number"])
    op.create_index("circuits_by_point", "circuits", ["run_id", "point", "position"])
    op.create_table(
        "leases",
        sa.Column("run_id", sa.String(120), primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("until", sa.Float, nullable=False),
    )
