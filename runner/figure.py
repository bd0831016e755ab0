"""The first figure: entanglement fidelity against n, as PNG and SVG, with its data beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.published import DEVICE, SOURCE
from runner.rows import ResultRow, to_csv

NAME = "entanglement_fidelity"
_STYLE = {
    "svg.hashsalt": "enclone",  # the same bytes on every run
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
# Okabe and Ito's palette: told apart by every reader, and in print.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_SPREAD = 0.09


def write_figures(folder: Path, rows: Sequence[ResultRow], title: str) -> list[Path]:
    """Draw the rows into ``folder/figures`` and write their data.

    Returns:
        The files written.
    """
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    data = figures / f"{NAME}.csv"
    data.write_text(to_csv(rows), encoding="utf-8", newline="\n")
    with rc_context(_STYLE):
        figure = draw(rows, title)
        png, svg = figures / f"{NAME}.png", figures / f"{NAME}.svg"
        figure.savefig(png, dpi=160, metadata={"Software": None})
        figure.savefig(svg, metadata={"Date": None, "Creator": None})
    return [png, svg, data]


def draw(rows: Sequence[ResultRow], title: str) -> Figure:
    """Fe against n: one series for each clone, strategy and estimator."""
    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    series: dict[tuple[int, str, str], list[ResultRow]] = {}
    for row in rows:
        series.setdefault((row.clone, row.strategy, row.estimator), []).append(row)
    one_clone = len({clone for clone, _, _ in series}) == 1
    for index, ((clone, strategy, estimator), members) in enumerate(series.items()):
        label = f"{strategy}, {estimator}"
        if not one_clone:
            label += f", clone {'A' if clone == 0 else f'S{clone}'}"
        _draw_series(axes, members, label, index, len(series))
    first = rows[0]
    axes.axhline(first.witness_threshold, color="0.35", lw=1, ls="--")
    axes.axhline(first.noise_floor, color="0.35", lw=1, ls=":")
    for level, text in (
        (first.witness_threshold, "entanglement witnessed above"),
        (first.noise_floor, "noise floor"),
    ):
        axes.annotate(
            text,
            (1, level),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color="0.35",
        )
    axes.set_xlabel("cloning parameter n (signal qubits)")
    axes.set_ylabel("entanglement fidelity $F_e$")
    axes.set_ylim(0.2 if min(_lowest(rows)) > 0.2 else 0.0, 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(title, fontsize=10, loc="left")
    axes.legend(frameon=False, fontsize=8, loc="upper right")
    return figure


def _lowest(rows: Sequence[ResultRow]) -> list[float]:
    return [v for r in rows for v in (r.ci_low, r.predicted, r.published) if v is not None]


def _draw_series(
    axes: Axes, rows: Sequence[ResultRow], label: str, index: int, count: int
) -> None:
    colour = _COLOURS[index % len(_COLOURS)]
    marker = _MARKERS[index % len(_MARKERS)]
    shift = (index - (count - 1) / 2) * _SPREAD
    measured = [row for row in rows if row.value is not None]
    if measured:
        values = [row.value or 0.0 for row in measured]
        lows = [v - (r.ci_low or 0.0) for v, r in zip(values, measured, strict=True)]
        highs = [(r.ci_high or 0.0) - v for v, r in zip(values, measured, strict=True)]
        axes.errorbar(
            [row.n + shift for row in measured],
            values,
            yerr=[[max(0.0, e) for e in lows], [max(0.0, e) for e in highs]],
            fmt=marker,
            ms=5,
            capsize=2.5,
            lw=1,
            color=colour,
            label=f"{label}: {measured[0].backend}, 95 % interval",
        )
    once = [row for row in rows if row.repeat == 0]
    axes.plot(
        [row.n + shift for row in once],
        [row.predicted for row in once],
        color=colour,
        lw=1,
        alpha=0.7,
        label=f"{label}: predicted",
    )
    printed = [row for row in once if row.published is not None]
    if printed:
        axes.errorbar(
            [row.n + shift for row in printed],
            [row.published or 0.0 for row in printed],
            yerr=[row.published_err or 0.0 for row in printed],
            fmt=marker,
            ms=6,
            mfc="white",
            color=colour,
            lw=1,
            alpha=0.9,
            label=f"{label}: published, {DEVICE} ({SOURCE})",
        )
