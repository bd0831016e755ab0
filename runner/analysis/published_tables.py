"""Predictions beside the published tables, with a summary of how far they are apart.

Each plan is one table: its points are predicted for its device's calibration,
and compared where something was published. Nothing is fitted and nothing is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.published import Published
from runner.kinds.registry import kind_of
from runner.planning.plan import Plan
from runner.report.columns import MISSING, Column, heading, number, point_columns
from runner.report.tables import filled
from runner.results.rows import ResultRow


@dataclass(frozen=True)
class ComparedRow:
    """One point of a table.

    Attributes:
        row: the planned row, with predicted and published value.
        published: the printed value with its error and depth; None where nothing was printed.
    """

    row: ResultRow
    published: Published | None

    @property
    def difference(self) -> float | None:
        """Predicted less published."""
        return None if self.published is None else self.row.predicted - self.published.value


@dataclass(frozen=True)
class ComparedTable:
    """One table.

    Attributes:
        name: the configuration's name.
        title: where the published values stand.
        device: whose calibration the prediction rests on.
        rows: the points in the order of the configuration.
    """

    name: str
    title: str
    device: str
    rows: tuple[ComparedRow, ...]

    @property
    def differences(self) -> list[float]:
        """Of all points for which something was published."""
        return [compared.difference for compared in self.rows if compared.difference is not None]

    @property
    def mean_absolute_difference(self) -> float | None:
        """None where nothing was published."""
        found = self.differences
        return sum(map(abs, found)) / len(found) if found else None

    @property
    def worst(self) -> ComparedRow | None:
        """The point whose prediction is farthest off."""
        known = [compared for compared in self.rows if compared.difference is not None]
        return max(known, key=lambda compared: abs(compared.difference or 0.0), default=None)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "device": self.device,
            "points": len(self.differences),
            "mean_absolute_difference": self.mean_absolute_difference,
            "worst_difference": self.worst.difference if self.worst else None,
            "rows": [
                {
                    **compared.row.planned(),
                    "difference": compared.difference,
                    "published_two_qubit_layers": compared.published
                    and compared.published.two_qubit_layers,
                }
                for compared in self.rows
            ],
        }


def compared_table(plan: Plan) -> ComparedTable:
    """A plan beside what was published of its points."""
    config = plan.config
    return ComparedTable(
        config.name,
        kind_of(config.experiment.kind).wording.published_table,
        config.backend.device,
        tuple(
            ComparedRow(row, planned.point.published())
            # Repeats are predicted alike, so the first stands for all.
            for row, planned in zip(plan.rows, plan.points, strict=False)
        ),
    )


def table_text(table: ComparedTable) -> str:
    """The table, and what has to be said of it."""
    columns = [
        *point_columns([compared.row for compared in table.rows]),
        Column("qubits", lambda r: str(r.qubits)),
        Column("predicted", lambda r: number(r.predicted)),
        Column("published", lambda r: number(r.published, 3)),
        Column("± printed", lambda r: number(r.published_err, 3)),
        Column("± from shots", lambda r: number(r.published_shot_err)),
    ]
    lines = [
        [column.cell(compared.row) for column in columns] + _tail(compared)
        for compared in table.rows
    ]
    tail = [heading(name) for name in ("difference", "2q layers", "published")]
    text = f"{table.name}: {table.title}; predicted for {table.device}\n"
    rows = [compared.row for compared in table.rows]
    remark = kind_of(rows[0].experiment).published_remark(rows, table.device)
    notes = dict.fromkeys(row.published_note for row in rows if row.published_note)
    below = [*notes, *([remark] if remark else [])]
    return text + filled([*columns, *tail], lines) + "".join(f"{line}\n" for line in below)


def _tail(compared: ComparedRow) -> list[str]:
    layers = compared.published.two_qubit_layers if compared.published else None
    return [
        MISSING if compared.difference is None else f"{compared.difference:+.4f}",
        str(compared.row.two_qubit_layers),
        MISSING if layers is None else str(layers),
    ]


def summary_text(tables: Sequence[ComparedTable]) -> str:
    """Mean absolute and worst difference of each table."""
    names = ("table", "value", "points", "mean |difference|", "worst", "at")
    columns = [heading(name, numeric=name not in ("table", "at")) for name in names]
    lines = []
    for table in tables:
        worst = table.worst
        lines.append(
            [
                table.name,
                kind_of(table.rows[0].row.experiment).wording.value,
                str(len(table.differences)),
                number(table.mean_absolute_difference),
                f"{worst.difference:+.4f}" if worst and worst.difference is not None else MISSING,
                _short_name(worst.row) if worst else MISSING,
            ]
        )
    return (
        "summary: predicted less published; nothing is fitted, the circuits and the day's "
        "calibration differ\n" + filled(columns, lines)
    )


def _short_name(row: ResultRow) -> str:
    """What tells the point apart in a published table."""
    declared = [field.name for field in row.declared if field.role == "parameter"]
    named = {name: row.get(name) for name in ("r", "level", "scenario", *declared)}
    known = [f"{name} = {value}" for name, value in named.items() if value is not None]
    return ", ".join([f"n = {row.n}", *known, row.estimator])
