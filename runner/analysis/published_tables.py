"""Predictions beside the published tables, with a summary of how far they are apart.

Each plan is one table: its points are predicted for its device's calibration,
and compared where something was published. Nothing is fitted, nothing is run, and no point is left
out by its outcome. Which layout was published is not known, so intervals extend to the pessimistic
prediction for the worst layout that was compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.simulation.noise_models import ASSUMPTIONS, DRIFT, Assumption
from experiments.published import Published
from runner.kinds.registry import kind_of
from runner.planning.past import left_out_of, past_remarks
from runner.planning.plan import Plan
from runner.planning.points import PlannedPoint
from runner.report.columns import MISSING, Column, heading, number, point_columns
from runner.report.tables import filled, upper_bounds
from runner.results.rows import ResultRow


@dataclass(frozen=True)
class ComparedRow:
    """One point of a table.

    Attributes:
        row: the planned row, with predicted and published value.
        published: the printed value with its error and depth; None where nothing was printed.
        low: lower end of the interval of the prediction, over all layouts that were compiled.
        high: its upper end.
    """

    row: ResultRow
    published: Published | None
    low: float
    high: float

    @property
    def difference(self) -> float | None:
        """Predicted less published."""
        return None if self.published is None else self.row.predicted - self.published.value

    @property
    def inside(self) -> bool | None:
        """Whether the printed value lies within the interval; None where nothing was printed."""
        return None if self.published is None else self.low <= self.published.value <= self.high


@dataclass(frozen=True)
class ComparedTable:
    """One table.

    Attributes:
        name: the configuration's name.
        title: where the published values stand.
        device: whose calibration the prediction rests on.
        rows: the points in the order of the configuration.
        spanned: which past calibrations the intervals span, or why none; empty where the device
            was not asked for any.
    """

    name: str
    title: str
    device: str
    rows: tuple[ComparedRow, ...]
    spanned: tuple[str, ...] = ()

    @property
    def differences(self) -> list[float]:
        """Of all points for which something was published."""
        return [compared.difference for compared in self.rows if compared.difference is not None]

    @property
    def inside(self) -> int:
        """Number of printed values within the interval of their prediction."""
        return sum(compared.inside is True for compared in self.rows)

    @property
    def mean_difference(self) -> float | None:
        """The bias, with its sign; None where nothing was published."""
        found = self.differences
        return sum(found) / len(found) if found else None

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
            "inside": self.inside,
            "mean_difference": self.mean_difference,
            "mean_absolute_difference": self.mean_absolute_difference,
            "worst_difference": self.worst.difference if self.worst else None,
            **({"interval": list(self.spanned)} if self.spanned else {}),
            "rows": [
                {
                    **compared.row.planned(),
                    "low_of_layouts": compared.low,
                    "difference": compared.difference,
                    "inside": compared.inside,
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
            _compared_row(row, planned)
            # Repeats are predicted alike, so the first stands for all.
            for row, planned in zip(plan.rows, plan.points, strict=False)
        ),
        tuple(past_remarks(plan.past, left_out_of(plan.points))),
    )


def _compared_row(row: ResultRow, planned: PlannedPoint) -> ComparedRow:
    compiled = planned.compiled
    ends = (compiled.predicted_low, compiled.lowest_of_layouts, compiled.predicted_high)
    known = [row.predicted, *(end for end in ends if end is not None)]
    return ComparedRow(row, planned.point.published(), min(known), max(known))


def table_text(table: ComparedTable) -> str:
    """The table, and what has to be said of it."""
    columns = [
        *point_columns([compared.row for compared in table.rows]),
        Column("qubits", lambda r: str(r.qubits)),
        Column("published", lambda r: number(r.published, 3)),
        Column("± printed", lambda r: number(r.published_err, 3)),
        Column("± from shots", lambda r: number(r.published_shot_err)),
        Column("predicted", lambda r: number(r.predicted)),
    ]
    lines = [
        [column.cell(compared.row) for column in columns] + _tail(compared)
        for compared in table.rows
    ]
    tail = [
        heading(name) for name in ("low", "high", "inside", "difference", "2q layers", "published")
    ]
    text = f"{table.name}: {table.title}; predicted for {table.device}\n"
    rows = [compared.row for compared in table.rows]
    remark = kind_of(rows[0].experiment).published_remark(rows, table.device)
    notes = dict.fromkeys(row.published_note for row in rows if row.published_note)
    below = [*notes, *([remark] if remark else []), *upper_bounds(rows), *table.spanned]
    return text + filled([*columns, *tail], lines) + "".join(f"{line}\n" for line in below)


def _tail(compared: ComparedRow) -> list[str]:
    layers = compared.published.two_qubit_layers if compared.published else None
    return [
        number(compared.low),
        number(compared.high),
        MISSING if compared.inside is None else "yes" if compared.inside else "no",
        MISSING if compared.difference is None else f"{compared.difference:+.4f}",
        str(compared.row.two_qubit_layers),
        MISSING if layers is None else str(layers),
    ]


def summary_text(tables: Sequence[ComparedTable]) -> str:
    """Bias, mean absolute and worst difference of each table, and how many points are covered."""
    names = ("table", "value", "points", "inside", "bias", "mean |difference|", "worst", "at")
    columns = [heading(name, numeric=name not in ("table", "value", "at")) for name in names]
    lines = []
    for table in tables:
        worst, bias = table.worst, table.mean_difference
        lines.append(
            [
                table.name,
                kind_of(table.rows[0].row.experiment).wording.value,
                str(len(table.differences)),
                str(table.inside),
                MISSING if bias is None else f"{bias:+.4f}",
                number(table.mean_absolute_difference),
                f"{worst.difference:+.4f}" if worst and worst.difference is not None else MISSING,
                _short_name(worst.row) if worst else MISSING,
            ]
        )
    points = [one for table in tables for one in table.rows if one.published is not None]
    above = sum(one.difference is not None and one.difference > 0 for one in points)
    inside = sum(table.inside for table in tables)
    return (
        "summary: predicted less published, over all points; nothing is fitted, the circuits and "
        "the day's calibration differ\n"
        + filled(columns, lines)
        + f"{inside} of {len(points)} published values lie within the interval of their prediction "
        f"(low to high, over the layouts that were compiled); {above} lie below 'predicted'\n"
        + "".join(
            f"- {one.about}: {_values(one)}; {_grounds(one, tables)}\n" for one in ASSUMPTIONS
        )
    )


def _grounds(assumption: Assumption, tables: Sequence[ComparedTable]) -> str:
    """Where the values of an assumption come from, and where it is not made."""
    if assumption.parameter in DRIFT and any(table.spanned for table in tables):
        return f"{assumption.grounds}; not assumed where a table names past calibrations"
    return assumption.grounds


def _values(assumption: Assumption) -> str:
    """The optimistic and the pessimistic value of an assumption."""
    ends = (assumption.optimistic, assumption.pessimistic)
    if isinstance(assumption.optimistic, bool):
        return " … ".join("yes" if end else "no" for end in ends)
    return " … ".join(f"{end:g}" for end in ends)


def _short_name(row: ResultRow) -> str:
    """What tells the point apart in a published table."""
    declared = [field.name for field in row.declared if field.role == "parameter"]
    named = {name: row.get(name) for name in ("r", "level", "scenario", *declared)}
    known = [f"{name} = {value}" for name, value in named.items() if value is not None]
    return ", ".join([f"n = {row.n}", *known, row.estimator])
