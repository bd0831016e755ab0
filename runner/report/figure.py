"""The figure of a run: its values against size, as PNG and SVG, with the data beside it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from experiments.gates import clones_of
from experiments.kinds.chsh import (
    CLASSICAL_BOUND,
    QUANTUM_BOUND,
    imperfect_cloner_s,
)
from experiments.published import DEVICE, SOURCE
from runner.kinds.registry import WORDINGS
from runner.report.columns import NO_STRATEGY, clone_name
from runner.report.heatmap import as_csv, draw_heatmap, read_correlators
from runner.results.rows import ResultRow, to_csv

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


FIGURES = "figures"
"""Where figures lie in a run folder."""


def figure_files(folder: Path, rows: Sequence[ResultRow], title: str) -> dict[str, bytes]:
    """The figures of a run and the data behind each.

    Args:
        folder: the run folder; of correlators the raw shots in it are drawn.
        rows: what is drawn of the others.
        title: over the figure.

    Returns:
        Path within the run folder → content, CSV, PNG and SVG.
    """
    measured = read_correlators(folder, rows)
    data = as_csv(measured) if measured else to_csv(rows)
    png, svg = io.BytesIO(), io.BytesIO()
    with mpl.rc_context(_STYLE):
        figure = draw_heatmap(measured, title) if measured else draw(rows, title)
        figure.savefig(png, format="png", dpi=160, metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    name = f"{FIGURES}/{_NAMES.get(rows[0].experiment, rows[0].experiment)}"
    return {
        f"{name}.csv": data.encode(),
        f"{name}.png": png.getvalue(),
        f"{name}.svg": svg.getvalue(),
    }


_DRAWN_AGAINST_N = ("entanglement", "chsh", "correlators", "leakage")
_PAST = {"reset": "reset", "measure": "measured", "depolarize": "depolarized"}
_NAMES = {"entanglement": "entanglement_fidelity"}


@dataclass(frozen=True)
class Abscissa:
    """What a kind of experiment is drawn against.

    Attributes:
        label: of the axis.
        of: the value of a row.
        logarithmic: whether the axis is.
        names: what is written at the ticks; None for the values.
    """

    label: str
    of: Callable[[ResultRow], float]
    logarithmic: bool = False
    names: Mapping[float, str] | None = None


def _clones(row: ResultRow) -> int:
    """Clones that are made, or that a virtual run stands for."""
    if _is_virtual(row):
        return len(clones_of(row.n)) ** ((row.level or 0) + 1)
    return row.clones or 0


def _is_virtual(row: ResultRow) -> bool:
    return row.generations is not None and set(row.generations) == {"1", "-"}


_AGAINST_N = Abscissa("cloning parameter n (signal qubits)", lambda row: row.n)
_ABSCISSAS = {
    "ghz": Abscissa("qubits r of the GHZ state", lambda row: row.r or 0),
    "iterated": Abscissa("clones (virtual: those the path stands for)", _clones, logarithmic=True),
}


def _abscissa(rows: Sequence[ResultRow]) -> Abscissa:
    kind = rows[0].experiment
    if kind == "leakage":
        sets = list(dict.fromkeys(_coalition(row) for row in rows))
        return Abscissa(
            "set of qubits (and what the theory says that it learns)",
            lambda row: sets.index(_coalition(row)),
            names=dict(enumerate(sets)),
        )
    if kind == "storage" and any(row.spent_on is not None for row in rows):
        return _AGAINST_N
    if kind == "storage" and len({row.idle_microseconds for row in rows}) > 1:
        return Abscissa("storage time (µs)", lambda row: row.idle_microseconds or 0.0)
    if kind == "storage":
        return Abscissa("servers lost", lambda row: (row.lost or "").count("S"))
    return _ABSCISSAS.get(kind, _AGAINST_N)


def _coalition(row: ResultRow) -> str:
    names = "\n".join(wrap(str(row.subset), _NARROW))
    return f"{names}\n(n = {row.n})\n{row.learns}"


def draw(rows: Sequence[ResultRow], title: str) -> Figure:
    """The values against size: one colour for each series of points."""
    abscissa = _abscissa(rows)
    wording = WORDINGS[rows[0].experiment]
    series: dict[tuple[str, ...], list[ResultRow]] = {}
    for row in rows:
        series.setdefault(_series(row), []).append(row)
    figure = Figure(figsize=(9.0, max(4.8, 1.6 + 0.2 * len(series))), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    colours = []
    for index, members in enumerate(series.values()):
        colours.append(_draw_series(axes, members, abscissa, index, len(series)))
    _draw_marks(axes, rows, abscissa)
    axes.set_xlabel(abscissa.label)
    axes.set_ylabel(wording.value_name)
    axes.set_ylim(_lowest(rows), _highest(rows))
    sizes = sorted({abscissa.of(row) for row in rows})
    if abscissa.logarithmic:
        axes.set_xscale("log")
        axes.minorticks_off()
    if len(sizes) <= _MOST_TICKS:
        names = abscissa.names or {}
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


def _series(row: ResultRow) -> tuple[str, ...]:
    """What tells series apart; the first two are always named in the legend."""
    return (
        "" if row.strategy == NO_STRATEGY else row.strategy,
        row.scenario or row.estimator,
        "" if _against_n(row) else f"n = {row.n}",
        "" if row.input is None else f"input {row.input}",
        "" if row.loss in (None, "none") else f"servers {_PAST[str(row.loss)]}",
        "" if row.spent_on is None else f"key spent on S{row.spent_on}",
        "" if row.generations is None else ("virtual" if _is_virtual(row) else "physical"),
        f"clone {clone_name(row)}",
    )


def _against_n(row: ResultRow) -> bool:
    return row.experiment in _DRAWN_AGAINST_N or row.spent_on is not None


def _series_labels(keys: Sequence[tuple[str, ...]]) -> list[str]:
    varying = [k for k in range(len(keys[0])) if k < _NAMED or len({key[k] for key in keys}) > 1]
    return [", ".join(key[k] for k in varying if key[k]) for key in keys]


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


def _draw_marks(axes: Axes, rows: Sequence[ResultRow], abscissa: Abscissa) -> None:
    style: dict[str, Any] = {"color": "0.35", "lw": 1}
    text: dict[str, Any] = {"fontsize": 8, "color": "0.35", "textcoords": "offset points"}
    if rows[0].experiment == "chsh":
        sizes = sorted({row.n for row in rows})
        limits = [imperfect_cloner_s(len(clones_of(n))) for n in sizes]
        axes.plot(sizes, limits, ls=(0, (1, 3)), **style)
        axes.annotate(
            "best imperfect cloner", (sizes[-1], limits[-1]), xytext=(-3, 5), ha="right", **text
        )
    if rows[0].experiment == "ghz":
        floors = sorted({(abscissa.of(row), row.noise_floor) for row in rows})
        axes.plot(*zip(*floors, strict=True), ls=":", **style)
        axes.annotate("noise floor", floors[len(floors) // 2], xytext=(4, 4), **text)
    for level, name, dashes in _levels(rows):
        axes.axhline(level, ls=dashes, **style)
        axes.annotate(name, (0, level), xycoords=("axes fraction", "data"), xytext=(3, 3), **text)


def _levels(rows: Sequence[ResultRow]) -> list[tuple[float, str, str]]:
    """Horizontal lines: height, what it means, dashes."""
    if rows[0].experiment == "chsh":
        return [
            (CLASSICAL_BOUND, "classical bound", "--"),
            (QUANTUM_BOUND, "quantum bound", "-."),
            (rows[0].noise_floor, "noise floor", ":"),
        ]
    if rows[0].experiment == "leakage":
        return [(rows[0].noise_floor, "nothing is learnt", ":")]
    states = [row for row in rows if row.input is not None]
    others = [row for row in rows if row.input is None]
    levels = []
    if others:
        levels.append((others[0].witness_threshold, "entanglement witnessed above", "--"))
        if others[0].experiment != "ghz":
            levels.append((others[0].noise_floor, "noise floor", ":"))
    if states:
        levels.append((states[0].witness_threshold, "measuring and preparing a copy", "--"))
        if not others:
            levels.append((states[0].noise_floor, "noise floor", ":"))
    return levels


def _highest(rows: Sequence[ResultRow]) -> float:
    if rows[0].experiment == "chsh":
        return QUANTUM_BOUND + 0.1
    return max([1.01, *(row.ci_high for row in rows if row.ci_high is not None)])


def _lowest(rows: Sequence[ResultRow]) -> float:
    values = [
        v
        for r in rows
        for v in (r.ci_low, r.predicted, r.published, r.noise_floor)
        if v is not None
    ]
    return min(0.2, min(values) - 0.02)


def _draw_series(
    axes: Axes, rows: Sequence[ResultRow], abscissa: Abscissa, index: int, count: int
) -> Line2D:
    """Draw one series; return what stands for it in the legend."""

    def place(row: ResultRow) -> float:
        x = abscissa.of(row)
        return x * (1 + shift / 3) if abscissa.logarithmic else x + shift

    colour = _COLOURS[index % len(_COLOURS)]
    marker = _MARKERS[index // len(_COLOURS) % len(_MARKERS)]
    shift = (index - (count - 1) / 2) * min(_SPREAD, 0.7 / count)
    measured = [row for row in rows if row.value is not None]
    if measured:
        values = [row.value or 0.0 for row in measured]
        lows = [v - (r.ci_low or 0.0) for v, r in zip(values, measured, strict=True)]
        highs = [(r.ci_high or 0.0) - v for v, r in zip(values, measured, strict=True)]
        axes.errorbar(
            [place(row) for row in measured],
            values,
            yerr=[[max(0.0, e) for e in lows], [max(0.0, e) for e in highs]],
            fmt=marker,
            ms=4.5,
            capsize=2.5,
            lw=1,
            color=colour,
        )
    once = sorted((row for row in rows if row.repeat == 0), key=place)
    style: dict[str, Any] = {"color": colour, "lw": 1, "alpha": 0.7}
    places = {place(row) for row in once}
    if len(once) == len(places) > 1 and abscissa.names is None:
        axes.plot([place(row) for row in once], [row.predicted for row in once], **style)
    else:
        for row in once:
            axes.hlines(row.predicted, place(row) - 0.03, place(row) + 0.03, **style)
    printed = [row for row in once if row.published is not None]
    if printed:
        axes.errorbar(
            [place(row) for row in printed],
            [row.published or 0.0 for row in printed],
            yerr=[row.published_err or 0.0 for row in printed],
            fmt=marker,
            ms=5.5,
            mfc="white",
            color=colour,
            lw=1,
        )
    return Line2D([], [], ls="none", marker=marker, color=colour, ms=5)
