"""Result and plan tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from experiments.protocol import DECRYPTION_YIELDS, PREDICTED_WITHOUT
from experiments.published import DEVICE, SOURCE, is_published_device
from runner.kinds.registry import kind_of
from runner.report.columns import Column, plan_columns, result_columns
from runner.results.columns import NO_STRATEGY
from runner.results.rows import ResultRow

_WIDTH = 200
PREDICTED = "predicted: exact value under the noise of the calibration snapshot, nothing fitted"
INTERVAL = (
    "predicted interval: the same with all that a calibration leaves open (gates in parallel, T2 "
    "without echo, ZZ, early readouts, drift) at its pessimistic and its optimistic value"
)
REFOCUSED = (
    "if refocused: predicted with decoupling assumed perfect (within a pulse train T2 = 2 T1), an "
    "upper bound; 'predicted' counts all dephasing as white, so that pulses only err, a lower bound"
)


def render(table: Table) -> str:
    """The table as text; the same on every terminal."""
    console = Console(width=_WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def result_table(rows: Sequence[ResultRow], spanned: Sequence[str] = ()) -> str:
    """Measured value with interval, prediction, published value, marks and circuit size."""
    return _of_rows(result_columns(rows), rows) + footnotes(rows, spanned)


def plan_table(rows: Sequence[ResultRow]) -> str:
    """What would run, without the measured columns."""
    text = _of_rows(plan_columns(rows), rows)
    lines = [REFOCUSED] if any(r.refocused is not None for r in rows) else []
    return "".join(f"{line}\n" for line in [text.rstrip("\n"), *lines, *upper_bounds(rows)])


def _of_rows(columns: Sequence[Column], rows: Sequence[ResultRow]) -> str:
    return filled(columns, [[column.cell(row) for column in columns] for row in rows])


def filled(columns: Sequence[Column], lines: Iterable[Sequence[str]]) -> str:
    """A table with the given columns; each line has one cell for each."""
    table = Table(box=None, pad_edge=False, header_style="none")
    for column in columns:
        table.add_column(column.header, justify="right" if column.numeric else "left", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    return render(table)


def footnotes(rows: Sequence[ResultRow], spanned: Sequence[str] = ()) -> str:
    """What the columns mean and what each strategy claims.

    Args:
        rows: of the table.
        spanned: which past calibrations the intervals of predictions span; empty if none.
    """
    kind = kind_of(rows[0].experiment)
    wording = kind.wording
    lines = [
        "",
        kind.marks(rows) or wording.marks,
        PREDICTED,
    ]
    if any(row.predicted_low is not None for row in rows):
        lines += [INTERVAL.replace(", drift", ""), *spanned] if spanned else [INTERVAL]
    if any(row.refocused is not None for row in rows):
        lines.append(REFOCUSED)
    if footnote := kind.footnote(rows):
        lines.append(footnote)
    if any(row.mitigated is not None for row in rows):
        lines.append(
            "mitigated: the same counts with readout errors undone by two calibration circuits of "
            "the run; ± its standard error or more; it may leave the physical range"
        )
    lines += [
        f"not mitigated: {reason}"
        for reason in dict.fromkeys(row.not_mitigated for row in rows if row.not_mitigated)
    ]
    if any(row.published is not None for row in rows):
        lines.append(
            f"published: measured on {DEVICE} ({SOURCE}, {wording.published_table}), other "
            "circuits and another day's calibration; ± as printed"
        )
    lines += dict.fromkeys(row.published_note for row in rows if row.published_note)
    lines += [
        f"strategy {strategy}: hands back {_hands_back(strategy)}"
        for strategy in dict.fromkeys(row.strategy for row in rows)
        if strategy != NO_STRATEGY
    ]
    lines += upper_bounds(rows)
    for estimator in dict.fromkeys(row.estimator for row in rows):
        difference = published_difference([r for r in rows if r.estimator == estimator])
        if difference:
            lines.append(f"{estimator}: {difference}")
    return "\n".join(lines) + "\n"


def upper_bounds(rows: Sequence[ResultRow]) -> list[str]:
    """What predictions of these rows leave out, where they are upper bounds for that."""
    remarks: dict[str, str] = {str(key): text for key, text in PREDICTED_WITHOUT.items()}
    strategies = dict.fromkeys(row.strategy for row in rows if row.strategy in remarks)
    found = [
        f"predicted for strategy {strategy} is an upper bound: {remarks[strategy]}"
        for strategy in strategies
    ]
    remark = kind_of(rows[0].experiment).predicted_remark(rows)
    return [*found, remark] if remark else found


def published_difference(rows: Sequence[ResultRow]) -> str:
    """How far values and predictions are from the published ones, on the published device only.

    All points count, with the sign of their difference.
    """
    pairs = [
        (row, row.value, row.published)
        for row in rows
        if row.published is not None and row.value is not None and is_published_device(row.device)
    ]
    if not pairs:
        return ""
    text = (
        f"less published, over all {len(pairs)} points: value {_mean(v - q for _, v, q in pairs)}, "
        f"predicted {_mean(row.predicted - q for row, _, q in pairs)}"
    )
    inside = [
        row.predicted_low <= q <= row.predicted_high
        for row, _, q in pairs
        if row.predicted_low is not None and row.predicted_high is not None
    ]
    if inside:
        text += f"; published within the interval of the prediction: {sum(inside)} of {len(inside)}"
    return text


def _mean(differences: Iterable[float]) -> str:
    found = list(differences)
    absolute = sum(map(abs, found)) / len(found)
    return f"{sum(found) / len(found):+.3f} on average (absolute {absolute:.3f})"


def _hands_back(strategy: str) -> str:
    known: dict[str, str] = {str(key): text for key, text in DECRYPTION_YIELDS.items()}
    return known[strategy]
