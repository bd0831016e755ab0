"""Result and plan tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from experiments.protocol import HANDS_BACK
from experiments.published import DEVICE, SOURCE, is_published_device
from runner.rows import ResultRow

_WIDTH = 132


def render(table: Table) -> str:
    """The table as text; the same on every terminal."""
    console = Console(width=_WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def result_table(rows: Sequence[ResultRow]) -> str:
    """Measured value with interval, prediction, published value, marks and circuit size."""
    table = Table(box=None, pad_edge=False, header_style="none")
    _common_columns(table, rows)
    table.add_column("Fe", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("> witness", justify="left")
    _trailing_columns(table)
    for row in rows:
        table.add_row(
            *_common_cells(row, rows),
            "-" if row.value is None else f"{row.value:.4f}",
            "-" if row.ci_low is None else f"{row.ci_low:.4f} … {row.ci_high:.4f}",
            "-" if row.witnessed is None else ("yes" if row.witnessed else "no"),
            *_trailing_cells(row),
        )
    return render(table) + footnotes(rows)


def plan_table(rows: Sequence[ResultRow]) -> str:
    """What would run, without the measured columns."""
    table = Table(box=None, pad_edge=False, header_style="none")
    _common_columns(table, rows)
    table.add_column("qubits", justify="right")
    table.add_column("shots", justify="right")
    _trailing_columns(table)
    for row in rows:
        table.add_row(
            *_common_cells(row, rows), str(row.qubits), f"{row.shots:,}", *_trailing_cells(row)
        )
    return render(table)


def footnotes(rows: Sequence[ResultRow]) -> str:
    """What the columns mean and what each strategy claims."""
    lines = [
        "",
        f"noise floor {rows[0].noise_floor:g} (a useless clone); witness line "
        f"{rows[0].witness_threshold:g} ('yes': the whole interval lies above it, so the clone "
        "is entangled with R)",
        "predicted: exact value under the noise of the calibration snapshot, nothing fitted",
    ]
    if any(row.published is not None for row in rows):
        lines.append(
            f"published: measured on {DEVICE} ({SOURCE}, Extended Data Table I), other circuits "
            "and another day's calibration"
        )
    lines += [
        f"strategy {strategy}: hands back {_hands_back(strategy)}"
        for strategy in dict.fromkeys(row.strategy for row in rows)
    ]
    for estimator in dict.fromkeys(row.estimator for row in rows):
        difference = published_difference([r for r in rows if r.estimator == estimator])
        if difference:
            lines.append(f"{estimator}: {difference}")
    return "\n".join(lines) + "\n"


def published_difference(rows: Sequence[ResultRow], largest_n: int = 7) -> str:
    """Mean absolute difference to the published values, where the witness still held."""
    pairs = [
        (row.value, row.predicted, row.published)
        for row in rows
        if row.published is not None
        and row.value is not None
        and row.n <= largest_n
        and is_published_device(row.device)
    ]
    if not pairs:
        return ""
    value = sum(abs(v - q) for v, _, q in pairs) / len(pairs)
    predicted = sum(abs(p - q) for _, p, q in pairs) / len(pairs)
    return (
        f"mean |value - published| over {len(pairs)} points with n <= {largest_n}: {value:.3f} "
        f"(of the prediction: {predicted:.3f})"
    )


def _hands_back(strategy: str) -> str:
    known: dict[str, str] = {str(key): text for key, text in HANDS_BACK.items()}
    return known[strategy]


def _common_columns(table: Table, rows: Sequence[ResultRow]) -> None:
    if _has_repeats(rows):
        table.add_column("repeat", justify="right")
    table.add_column("n", justify="right")
    table.add_column("clone", justify="right")
    table.add_column("strategy")
    table.add_column("estimator")


def _has_repeats(rows: Sequence[ResultRow]) -> bool:
    return any(row.repeat > 0 for row in rows)


def _common_cells(row: ResultRow, rows: Sequence[ResultRow]) -> list[str]:
    repeat = [str(row.repeat)] if _has_repeats(rows) else []
    return [
        *repeat,
        str(row.n),
        "A" if row.clone == 0 else f"S{row.clone}",
        row.strategy,
        row.estimator,
    ]


def _trailing_columns(table: Table) -> None:
    table.add_column("predicted", justify="right")
    table.add_column("published", justify="right")
    table.add_column("2q layers", justify="right")
    table.add_column("2q gates", justify="right")
    table.add_column("certificate")


def _trailing_cells(row: ResultRow) -> list[str]:
    published = "-" if row.published is None else f"{row.published:.3f} ± {row.published_err:.3f}"
    return [
        f"{row.predicted:.4f}",
        published,
        str(row.two_qubit_layers),
        str(row.two_qubit_gates),
        row.certificate,
    ]
