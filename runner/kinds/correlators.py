"""Two-point correlators between R and every qubit, drawn as a heat map."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from experiments.kinds import correlators
from experiments.kinds.correlators import PAULIS, Stage, qubit_names
from experiments.point import Point
from experiments.protocol import Cloning
from experiments.statistics.estimators import Counts, clopper_pearson
from runner.kinds.contract.decryption import DecryptConfig
from runner.kinds.contract.drawing import OwnFigure
from runner.kinds.contract.kind import FIDELITY_MARKS, ExperimentKind, Wording
from runner.kinds.contract.section import ExperimentSection, Sizes, signal_problems, signal_sizes
from runner.kinds.contract.strict import Problems, Swept, value_problems
from runner.results.rows import ResultRow

if TYPE_CHECKING:
    # The configuration is read without waiting for matplotlib.
    from matplotlib.figure import Figure


class CorrelatorsConfig(ExperimentSection):
    """The published Fig. 7."""

    kind: Literal["correlators"]
    n: Swept[int]
    decrypt: DecryptConfig = DecryptConfig()
    stage: Swept[Stage] = ["before", "after"]

    def sizes(self) -> Sizes:
        """The signal qubits."""
        return signal_sizes(self.n)

    def points(self, seed: int) -> Sequence[Point]:
        """The points of the sweep."""
        del seed
        return correlators.points(self.n, self.decrypt.clone, self.stage)

    def problems(self) -> Problems:
        """What is well-formed but is no experiment."""
        yield from signal_problems(self.n, self.decrypt.clone)
        yield from value_problems(
            ("decrypt", "strategy"),
            self.decrypt.strategies,
            lambda strategy: correlators.CorrelatorsPoint(Cloning(2, 1, strategy), "after"),
        )

    def why_unchecked(self) -> str:
        """Why unused qubits can tell nothing of this experiment; empty if they can."""
        return "correlators read every qubit, so none is left over"


_HEADER = ("n", "stage", "qubit", "pauli_r", "pauli_qubit", "shots", "value", "ci_low", "ci_high")


@dataclass(frozen=True)
class _Correlator:
    """<σ_i ⊗ σ_j> of R and another qubit.

    Attributes:
        n: signal qubits.
        stage: ``before`` or ``after`` decryption.
        qubit: name of the other qubit.
        paulis: letter of R, then of the qubit.
        counts: shots in which the two outcomes are equal.
    """

    n: int
    stage: str
    qubit: str
    paulis: str
    counts: Counts

    @property
    def value(self) -> float:
        """Equal outcomes less different ones, as a fraction."""
        return 2 * self.counts.successes / self.counts.shots - 1

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval."""
        low, high = clopper_pearson(self.counts)
        return 2 * low - 1, 2 * high - 1


def _read_correlators(folder: Path, rows: Sequence[ResultRow]) -> list[_Correlator]:
    """Every correlator of a run, from the raw shots in its folder; first repetition only."""
    found = []
    for row in rows:
        if row.repeat or row.value is None:
            continue
        clone = f"n{row.n:02d}-clone{row.clone}-{row.strategy}-{row.scenario}"
        for paulis in (a + b for a in PAULIS for b in PAULIS):
            with np.load(folder / "counts" / f"{clone}-{paulis}-r0.npz") as file:
                shots = np.unpackbits(file["shots"], axis=1, bitorder="big")[:, ::-1]
            for bit, name in enumerate(qubit_names(row.n), start=1):
                equal = int((shots[:, 0] == shots[:, bit]).sum())
                counts = Counts(equal, len(shots))
                found.append(_Correlator(row.n, row.scenario or "", name, paulis, counts))
    return found


def _as_csv(correlators: Sequence[_Correlator]) -> str:
    """One line each, with exact intervals."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEADER)
    for found in correlators:
        about = (found.n, found.stage, found.qubit, *found.paulis, found.counts.shots)
        writer.writerow([*about, found.value, *found.interval])
    return out.getvalue()


def _draw_heatmap(correlators: Sequence[_Correlator], title: str) -> Figure:
    """A panel for each n and stage: qubits against the nine pairs of Paulis."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = list(dict.fromkeys((found.n, found.stage) for found in correlators))
    columns = min(2, len(panels))
    lines = math.ceil(len(panels) / columns)
    tallest = max(2 * n + 1 for n, _ in panels)
    figure = Figure(
        figsize=(4.6 * columns + 1, (0.34 * tallest + 1.3) * lines), layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, squeeze=False)
    pairs = [a + b for a in PAULIS for b in PAULIS]
    for panel in axes.flat[len(panels) :]:
        panel.set_axis_off()
    for panel, (n, stage) in zip(axes.flat, panels, strict=False):
        names = qubit_names(n)
        values = np.full((len(names), len(pairs)), np.nan)
        for found in correlators:
            if (found.n, found.stage) == (n, stage):
                values[names.index(found.qubit), pairs.index(found.paulis)] = found.value
        image = panel.imshow(values, vmin=-1, vmax=1, cmap="RdBu", aspect="auto")
        for (y, x), value in np.ndenumerate(values):
            # Only what stands out of the noise of the eye: the data beside the figure has all.
            if abs(value) >= _WORTH_WRITING:
                colour = "white" if abs(value) > _DARK else "black"
                panel.text(x, y, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
        panel.set_xticks(range(len(pairs)), pairs, fontsize=8)
        panel.set_yticks(range(len(names)), names, fontsize=8)
        panel.set_title(f"n = {n}, {stage} decryption", fontsize=9)
        panel.set_xlabel("Pauli of R, Pauli of the qubit", fontsize=8)
    figure.colorbar(image, ax=axes, label="T", shrink=0.8)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


_WORTH_WRITING = 0.1
_DARK = 0.6


def _heatmap(folder: Path, rows: Sequence[ResultRow]) -> OwnFigure | None:
    """The heat map, like the published Fig. 7; None while nothing is measured."""
    measured = _read_correlators(folder, rows)
    if not measured:
        return None
    return OwnFigure(_as_csv(measured), lambda title: _draw_heatmap(measured, title))


KIND = ExperimentKind(
    CorrelatorsConfig,
    Wording(
        title="Correlators between R and every qubit, before and after decryption",
        value="Fe",
        value_name="entanglement fidelity Fe",
        marks=FIDELITY_MARKS,
        published_table="not published as numbers",
    ),
    own_figure=_heatmap,
)
