"""How much a value varies, and why: several runs of the same points, split into causes.

The causes are nested: device, calibration, layout, time. The errors by shots, and by the draw of
GHZ stabilizers that all values of a seed share, are known. Runs on several devices or with
several calibration files tell of the first two, ``compile.layouts: each`` (or runs with other
seeds) of the layout, ``repeats`` or a run again of the time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiments.statistics.variance import Component, Draw, components
from runner.errors import RunFolderError
from runner.report.columns import MISSING, heading, number, point_columns
from runner.report.tables import filled
from runner.results.rows import ResultRow
from runner.run_folder.files import read_json, read_rows

DRAW, SHOTS = "draw", "shots"
CAUSES = ("device", "calibration", "layout", "time")


@dataclass(frozen=True)
class Spread:
    """How one point varies.

    Attributes:
        row: any of its rows, as that of its point alone.
        values: how many were measured.
        mean: their mean.
        components: what each cause brings, the outermost first; those that the runs tell of.
    """

    row: ResultRow
    values: int
    mean: float
    components: tuple[Component, ...]

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        split = [asdict(component) for component in self.components]
        return {
            **self.row.of_roles("parameter"),
            "values": self.values,
            "mean": self.mean,
            "components": split,
        }


def spreads(folders: Sequence[Path]) -> list[Spread]:
    """The spread of every point that was measured at least twice.

    Raises:
        RunFolderError: if a run cannot be read, or no point was measured twice.
    """
    measured: dict[tuple[object, ...], list[tuple[ResultRow, tuple[object, ...]]]] = {}
    for folder in folders:
        device = read_json(folder, "provenance.json").get("device") or {}
        calibration = device.get("sha256", "none")
        for row in read_rows(folder):
            if row.value is not None:
                layout = ("seed", row.seed) if row.layout is None else row.layout
                causes = (row.device, calibration, layout, (folder.name, row.repeat))
                point = tuple(row.of_roles("parameter").items())
                measured.setdefault(point, []).append((row, causes))
    found = [_spread(rows) for rows in measured.values() if len(rows) > 1]
    if not found:
        raise RunFolderError(
            "no point was measured twice, so nothing is known of its spread; name several runs of "
            "the same points, or run with repeats: 2 or more, or compile.layouts: each"
        )
    return found


def _spread(rows: Sequence[tuple[ResultRow, tuple[object, ...]]]) -> Spread:
    values = [row.value or 0.0 for row, _ in rows]
    of_draw = [row.std_err_of_draw or 0.0 for row, _ in rows]
    # Runs of one seed draw the same settings.
    drawn = any(row.std_err_of_draw is not None for row, _ in rows)
    split = components(
        values,
        [_of_shots(row.std_err or 0.0, draw) for (row, _), draw in zip(rows, of_draw, strict=True)],
        [(cause, [causes[k] for _, causes in rows]) for k, cause in enumerate(CAUSES)],
        draw=Draw(of_draw, [row.seed for row, _ in rows]) if drawn else None,
    )
    return Spread(rows[0][0].unrepeated(), len(rows), sum(values) / len(values), tuple(split))


def _of_shots(std_err: float, of_draw: float) -> float:
    """The part of a standard error that shots bring."""
    return math.sqrt(max(0.0, std_err**2 - of_draw**2))


def spread_text(found: Sequence[Spread]) -> str:
    """A line for each point: standard deviations by cause, each with its interval."""
    rows = [one.row for one in found]
    names = point_columns(rows)
    drawn = any(part.cause == DRAW for one in found for part in one.components)
    known = (DRAW, SHOTS) if drawn else (SHOTS,)
    columns = [
        *names,
        *map(heading, ("values", "mean", *(f"σ {cause}" for cause in (*CAUSES, *known)))),
    ]
    lines = [
        [
            *(column.cell(one.row) for column in names),
            str(one.values),
            number(one.mean),
            *_cells(one.components, known),
        ]
        for one in found
    ]
    return filled(columns, lines) + (
        "\nσ: standard deviation that each cause brings by itself, with its 95 % interval "
        "and degrees of freedom (df); "
        f"'{MISSING}': these runs do not tell\n"
        "device: other processors; calibration: other days of one; layout: other places on the "
        "chip; time: the same circuit again; shots: binomial, known\n"
        + ("draw: the random choice of stabilizers, the same for equal seeds; known\n" * drawn)
    )


def _cells(split: Iterable[Component], known: Iterable[str]) -> list[str]:
    parts = {one.cause: one for one in split}
    cells = []
    for cause in CAUSES:
        one = parts.get(cause)
        cells.append(
            f"{number(one.std_dev)} ({number(one.ci_low)} … {number(one.ci_high)}, "
            f"df {one.degrees_of_freedom})"
            if one
            else MISSING
        )
    return [*cells, *(number(parts[k].std_dev) if k in parts else MISSING for k in known)]
