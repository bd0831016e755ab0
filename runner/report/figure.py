"""The figure of a run: its values against size, as PNG and SVG, with the data beside it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from experiments.published import DEVICE, SOURCE
from runner.kinds.contract.drawing import Axis, Dashes
from runner.kinds.contract.kind import ExperimentKind
from runner.kinds.registry import kind_of
from runner.results.columns import NO_STRATEGY, clone_name
from runner.results.rows import ResultRow
from runner.results.tables import to_csv

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
_NAMED = 2
_NARROW = 9
_BAND_ALPHA = 0.12


FIGURES = "figures"
"""Where figures lie in a run folder."""


def figure_files(folder: Path, rows: Sequence[ResultRow], title: str) -> dict[str, bytes]:
    """The figures of a run and the data behind each.

    Args:
        folder: the run folder; some kinds draw the raw shots in it.
        rows: the results.
        title: over the figure.

    Returns:
        Path within the run folder → content, CSV, PNG and SVG.
    """
    kind = kind_of(rows[0].experiment)
    own = kind.own_figure(folder, rows)
    png, svg = io.BytesIO(), io.BytesIO()
    with mpl.rc_context(_STYLE):
        figure = own.draw(title) if own else draw(rows, title)
        figure.savefig(png, format="png", dpi=160, metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    name = f"{FIGURES}/{kind.figure_file}"
    return {
        f"{name}.csv": (own.data if own else to_csv(rows)).encode(),
        f"{name}.png": png.getvalue(),
        f"{name}.svg": svg.getvalue(),
    }


def draw(rows: Sequence[ResultRow], title: str) -> Figure:
    """The values against size: one colour for each series of points."""
    kind = kind_of(rows[0].experiment)
    axis = kind.axis(rows)
    series: dict[tuple[str, ...], list[ResultRow]] = {}
    for row in rows:
        series.setdefault(_series(row, kind, axis), []).append(row)
    figure = Figure(figsize=(9.0, max(4.8, 1.6 + 0.2 * len(series))), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    colours = []
    for index, members in enumerate(series.values()):
        colours.append(_draw_series(axes, members, axis, index, len(series)))
    _draw_marks(axes, rows, kind)
    axes.set_xlabel(axis.label)
    axes.set_ylabel(kind.wording.value_name)
    axes.set_ylim(_lowest(rows), _highest(rows, kind))
    sizes = sorted({axis.of(row) for row in rows})
    if axis.logarithmic:
        axes.set_xscale("log")
        axes.minorticks_off()
    if len(sizes) <= _MOST_TICKS:
        names = axis.names or {}
        axes.set_xticks(
            sizes, [names.get(size, f"{size:g}") for size in sizes], fontsize=8 if names else None
        )
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.04)
    axes.set_title(title, fontsize=10, loc="left", parse_math=False)
    entries = [*zip(colours, _series_labels(list(series)), strict=True), *_meanings(rows)]
    figure.legend(
        [handle for handle, _ in entries],
        [label for _, label in entries],
        frameon=False,
        fontsize=8,
        loc="outside right upper",
    )
    return figure


def _series(row: ResultRow, kind: ExperimentKind, axis: Axis) -> tuple[str, ...]:
    """What tells series apart; the first two are always named in the legend."""
    return (
        "" if row.strategy == NO_STRATEGY else row.strategy,
        row.scenario or row.estimator,
        "" if axis.shows_n else f"n = {row.n}",
        *kind.series(row),
        f"clone {clone_name(row.clone)}",
    )


def _series_labels(keys: Sequence[tuple[str, ...]]) -> list[str]:
    varying = [k for k in range(len(keys[0])) if k < _NAMED or len({key[k] for key in keys}) > 1]
    return [", ".join(key[k] for k in varying if key[k]) for key in keys]


def _meanings(rows: Sequence[ResultRow]) -> list[tuple[Artist, str]]:
    """What filled markers, lines and open markers stand for."""
    grey: dict[str, Any] = {"color": "0.35", "ms": 5}
    meanings: list[tuple[Artist, str]] = [
        (Line2D([], [], ls="none", marker="o", **grey), f"{rows[0].backend}, 95 % interval"),
        (Line2D([], [], lw=1, **grey), "predicted from calibration"),
    ]
    if any(row.predicted_low is not None for row in rows):
        meanings.append(
            (Patch(color="0.35", alpha=_BAND_ALPHA, lw=0), "interval of the prediction")
        )
    if any(row.corrected is not None for row in rows):
        up, down = (
            Line2D([], [], ls="none", marker=marker, **grey) for marker in _DECODED_MARKERS.values()
        )
        down.set_markerfacecolor("white")
        meanings.append((up, "corrected by checks, every shot kept"))
        meanings.append((down, "post-selected by checks\n(fraction kept beside it)"))
    if any(row.published is not None for row in rows):
        published = Line2D([], [], ls="none", marker="o", mfc="white", **grey)
        meanings.append((published, f"published, {DEVICE}\n({SOURCE})"))
    return meanings


_DASHES: dict[Dashes, Any] = {"--": "--", "-.": "-.", ":": ":", "sparse dots": (0, (1, 3))}


def _draw_marks(axes: Axes, rows: Sequence[ResultRow], kind: ExperimentKind) -> None:
    """The curves of the kind, then its horizontal lines, each with its name."""
    style: dict[str, Any] = {"color": "0.35", "lw": 1}
    text: dict[str, Any] = {"fontsize": 8, "color": "0.35", "textcoords": "offset points"}
    for curve in kind.curves(rows):
        axes.plot(*zip(*curve.points, strict=True), ls=_DASHES[curve.dashes], **style)
        named_at, side = curve.points[curve.named_at], "right" if curve.name_ends else "left"
        axes.annotate(curve.name, named_at, xytext=curve.name_offset, ha=side, **text)
    for level in kind.levels(rows):
        axes.axhline(level.height, ls=_DASHES[level.dashes], **style)
        at: dict[str, Any] = {"xy": (0, level.height), "xycoords": ("axes fraction", "data")}
        axes.annotate(level.name, **at, xytext=(3, 3), **text)


def _highest(rows: Sequence[ResultRow], kind: ExperimentKind) -> float:
    if kind.highest is not None:
        return kind.highest
    ends = [v for r in rows for v in (r.ci_high, r.postselected_ci_high) if v is not None]
    return max([1.01, *ends])


def _lowest(rows: Sequence[ResultRow]) -> float:
    values = [
        v
        for r in rows
        for v in (r.ci_low, r.predicted, r.predicted_low, r.published, r.noise_floor)
        if v is not None
    ]
    return min(0.2, min(values) - 0.02)


_NEAR = 0.03
"""How far the corrected value stands beside the plain one, in units of the axis."""
_DECODED_MARKERS = {"corrected": "^", "postselected": "v"}


def _draw_decoded(
    axes: Axes,
    rows: Sequence[ResultRow],
    column: str,
    positions: Sequence[float],
    colour: str,
) -> None:
    """Corrected or post-selected values; these with the fraction that is kept beside them."""
    drawn = [row for row in rows if row.get(column) is not None]
    if not drawn:
        return
    at = [x for x, row in zip(positions, rows, strict=True) if row.get(column) is not None]
    values = [float(row.get(column)) for row in drawn]
    lows = [v - float(row.get(f"{column}_ci_low")) for v, row in zip(values, drawn, strict=True)]
    highs = [float(row.get(f"{column}_ci_high")) - v for v, row in zip(values, drawn, strict=True)]
    axes.errorbar(
        at,
        values,
        yerr=[[max(0.0, e) for e in lows], [max(0.0, e) for e in highs]],
        fmt=_DECODED_MARKERS[column],
        ms=4.5,
        mfc="white" if column == "postselected" else colour,
        capsize=2,
        lw=0.8,
        color=colour,
    )
    if column == "postselected":
        for x, row, value in zip(at, drawn, values, strict=True):
            axes.annotate(
                f"{row.kept:.0%}",
                (x, value),
                xytext=(3, 5),
                textcoords="offset points",
                fontsize=7,
                color=colour,
            )


def _draw_series(
    axes: Axes, rows: Sequence[ResultRow], axis: Axis, index: int, count: int
) -> Line2D:
    """Draw one series; return what stands for it in the legend."""

    def position(row: ResultRow) -> float:
        x = axis.of(row)
        return x * (1 + shift / 3) if axis.logarithmic else x + shift

    colour = _COLOURS[index % len(_COLOURS)]
    marker = _MARKERS[index // len(_COLOURS) % len(_MARKERS)]
    shift = (index - (count - 1) / 2) * min(_SPREAD, 0.7 / count)
    measured = [row for row in rows if row.value is not None]
    if measured:
        values = [row.value or 0.0 for row in measured]
        lows = [v - (r.ci_low or 0.0) for v, r in zip(values, measured, strict=True)]
        highs = [(r.ci_high or 0.0) - v for v, r in zip(values, measured, strict=True)]
        axes.errorbar(
            [position(row) for row in measured],
            values,
            yerr=[[max(0.0, e) for e in lows], [max(0.0, e) for e in highs]],
            fmt=marker,
            ms=4.5,
            capsize=2.5,
            lw=1,
            color=colour,
        )
    for k, column in enumerate(_DECODED_MARKERS, start=1):
        _draw_decoded(
            axes, measured, column, [position(row) + k * _NEAR for row in measured], colour
        )
    once = sorted((row for row in rows if row.repeat == 0), key=position)
    style: dict[str, Any] = {"color": colour, "lw": 1, "alpha": 0.7}
    positions = {position(row) for row in once}
    bands = [
        (position(row), row.predicted_low, row.predicted_high)
        for row in once
        if row.predicted_low is not None and row.predicted_high is not None
    ]
    band: dict[str, Any] = {"color": colour, "alpha": _BAND_ALPHA}
    if len(once) == len(positions) > 1 and axis.names is None:
        axes.plot([position(row) for row in once], [row.predicted for row in once], **style)
        if bands:
            at, lows, highs = (list(values) for values in zip(*bands, strict=True))
            axes.fill_between(at, lows, highs, lw=0, **band)
    else:
        for row in once:
            axes.hlines(row.predicted, position(row) - 0.03, position(row) + 0.03, **style)
        for x, low, high in bands:
            axes.vlines(x, low, high, lw=6, **band)
    printed = [row for row in once if row.published is not None]
    if printed:
        axes.errorbar(
            [position(row) for row in printed],
            [row.published or 0.0 for row in printed],
            yerr=[row.published_shot_err or row.published_err or 0.0 for row in printed],
            fmt=marker,
            ms=5.5,
            mfc="white",
            color=colour,
            lw=1,
        )
    return Line2D([], [], ls="none", marker=marker, color=colour, ms=5)
