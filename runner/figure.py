"""The first figure: entanglement fidelity against n, as PNG and SVG, with its data beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from experiments.published import DEVICE, SOURCE
from runner.rows import ResultRow, to_csv

NAME = "entanglement_fidelity"
_STYLE: dict[Any, Any] = {
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
_MOST_TICKS = 20


def write_figures(folder: Path, rows: Sequence[ResultRow], title: str) -> list[Path]:
    """Draw the rows into ``folder/figures`` and write their data.

    Returns:
        The files written.
    """
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    data = figures / f"{NAME}.csv"
    data.write_text(to_csv(rows), encoding="utf-8", newline="\n")
    with mpl.rc_context(_STYLE):
        figure = draw(rows, title)
        png, svg = figures / f"{NAME}.png", figures / f"{NAME}.svg"
        figure.savefig(png, dpi=160, metadata={"Software": None})
        figure.savefig(svg, metadata={"Date": None, "Creator": None})
    return [png, svg, data]


def draw(rows: Sequence[ResultRow], title: str) -> Figure:
    """Fe against n: one colour for each clone, strategy and estimator."""
    series: dict[tuple[int, str, str], list[ResultRow]] = {}
    for row in rows:
        series.setdefault((row.clone, row.strategy, row.estimator), []).append(row)
    figure = Figure(figsize=(9.0, max(4.8, 1.6 + 0.2 * len(series))), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    colours = []
    for index, members in enumerate(series.values()):
        colours.append(_draw_series(axes, members, index, len(series)))
    _draw_marks(axes, rows[0])
    axes.set_xlabel("cloning parameter n (signal qubits)")
    axes.set_ylabel("entanglement fidelity Fe")
    axes.set_ylim(min(0.2, *_lowest(rows)), 1.01)
    sizes = sorted({row.n for row in rows})
    if len(sizes) <= _MOST_TICKS:
        axes.set_xticks(sizes)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.04)
    axes.set_title(title, fontsize=10, loc="left", parse_math=False)
    labels = [_series_label(key, one_clone=len({k[0] for k in series}) == 1) for key in series]
    entries = [*zip(colours, labels, strict=True), *_meanings(rows)]
    figure.legend(
        [handle for handle, _ in entries],
        [label for _, label in entries],
        frameon=False,
        fontsize=8,
        loc="outside right upper",
    )
    return figure


def _series_label(key: tuple[int, str, str], *, one_clone: bool) -> str:
    clone, strategy, estimator = key
    label = f"{strategy}, {estimator}"
    return label if one_clone else f"{label}, clone {'A' if clone == 0 else f'S{clone}'}"


def _meanings(rows: Sequence[ResultRow]) -> list[tuple[Line2D, str]]:
    """What filled markers, lines and open markers stand for."""
    grey: dict[str, Any] = {"color": "0.35", "ms": 5}
    meanings = [
        (Line2D([], [], ls="none", marker="o", **grey), f"{rows[0].backend}, 95 % interval"),
        (Line2D([], [], lw=1, **grey), "predicted from calibration"),
    ]
    if any(row.published is not None for row in rows):
        published = Line2D([], [], ls="none", marker="o", mfc="white", **grey)
        meanings.append((published, f"published, {DEVICE}\n({SOURCE})"))
    return meanings


def _draw_marks(axes: Axes, row: ResultRow) -> None:
    for level, text, style in (
        (row.witness_threshold, "entanglement witnessed above", "--"),
        (row.noise_floor, "noise floor", ":"),
    ):
        axes.axhline(level, color="0.35", lw=1, ls=style)
        axes.annotate(
            text,
            (0, level),
            xycoords=("axes fraction", "data"),
            xytext=(3, 3),
            textcoords="offset points",
            fontsize=8,
            color="0.35",
        )


def _lowest(rows: Sequence[ResultRow]) -> list[float]:
    values = [v for r in rows for v in (r.ci_low, r.predicted, r.published) if v is not None]
    return [min(values) - 0.02]


def _draw_series(axes: Axes, rows: Sequence[ResultRow], index: int, count: int) -> Line2D:
    """Draw one series; return what stands for it in the legend."""
    colour = _COLOURS[index % len(_COLOURS)]
    marker = _MARKERS[index // len(_COLOURS) % len(_MARKERS)]
    shift = (index - (count - 1) / 2) * min(_SPREAD, 0.7 / count)
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
            ms=4.5,
            capsize=2.5,
            lw=1,
            color=colour,
        )
    once = [row for row in rows if row.repeat == 0]
    style: dict[str, Any] = {"color": colour, "lw": 1, "alpha": 0.7}
    if len(once) > 1:
        axes.plot([row.n + shift for row in once], [row.predicted for row in once], **style)
    else:
        axes.hlines(once[0].predicted, once[0].n + shift - 0.03, once[0].n + shift + 0.03, **style)
    printed = [row for row in once if row.published is not None]
    if printed:
        axes.errorbar(
            [row.n + shift for row in printed],
            [row.published or 0.0 for row in printed],
            yerr=[row.published_err or 0.0 for row in printed],
            fmt=marker,
            ms=5.5,
            mfc="white",
            color=colour,
            lw=1,
        )
    return Line2D([], [], ls="none", marker=marker, color=colour, ms=5)
