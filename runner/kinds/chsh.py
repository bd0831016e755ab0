"""CHSH test between R and a decrypted clone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from experiments.gates import clones_of
from experiments.kinds import chsh
from experiments.kinds.chsh import (
    CLASSICAL_BOUND,
    QUANTUM_BOUND,
    R_FIRST,
    Scenario,
    imperfect_cloner_s,
)
from experiments.point import Point
from experiments.published import SOURCE, UNDECRYPTED_CHSH
from runner.kinds.contract.decryption import DecryptConfig
from runner.kinds.contract.drawing import Curve, Level
from runner.kinds.contract.kind import ExperimentKind, Wording
from runner.kinds.contract.section import ExperimentSection, Sizes, signal_problems, signal_sizes
from runner.kinds.contract.strict import Problems, Swept, value_problems
from runner.results.columns import REFUTED_BELOW
from runner.results.rows import ResultRow


class ChshConfig(ExperimentSection):
    """Experiment 2."""

    kind: Literal["chsh"]
    n: Swept[int]
    decrypt: DecryptConfig = DecryptConfig()
    scenario: Swept[Scenario] = ["2-2"]

    def sizes(self) -> Sizes:
        """The signal qubits."""
        return signal_sizes(self.n)

    def points(self, seed: int) -> Sequence[Point]:
        """The points of the sweep."""
        del seed
        return chsh.points(self.n, self.decrypt.clone, self.decrypt.strategies, self.scenario)

    def problems(self) -> Problems:
        """What is well-formed but is no experiment."""
        yield from signal_problems(self.n, self.decrypt.clone)
        yield from value_problems(
            ("decrypt", "strategy"),
            self.decrypt.strategies,
            lambda strategy: chsh.points([2], [1], [strategy], ["2-2"]),
        )

    def why_unchecked(self) -> str:
        """Why unused qubits can tell nothing of this experiment; empty if they can."""
        if "undecrypted" in self.scenario:
            return "scenario 'undecrypted' decrypts nothing, so there is nothing to correct"
        return ""


def _levels(rows: Sequence[ResultRow]) -> Sequence[Level]:
    return (
        Level(CLASSICAL_BOUND, "classical bound", "--"),
        Level(QUANTUM_BOUND, "quantum bound", "-."),
        Level(rows[0].noise_floor, "noise floor", ":"),
    )


def _curves(rows: Sequence[ResultRow]) -> Sequence[Curve]:
    sizes = sorted({row.n for row in rows})
    points = [(n, imperfect_cloner_s(len(clones_of(n)))) for n in sizes]
    return (Curve(points, "best imperfect cloner", "sparse dots", -1, (-3, 5), name_ends=True),)


def _footnote(rows: Sequence[ResultRow]) -> str:
    notes = [_assumption(row.assumes) for row in rows if row.assumes]
    if any(row.scenario == "undecrypted" for row in rows):
        printed = UNDECRYPTED_CHSH
        notes.append(
            f"published for an undecrypted clone: S = {printed.value:.3f} ± {printed.std_err:.3f} "
            f"({SOURCE}), no row of its tables"
        )
    return "; ".join(dict.fromkeys(notes))


def _assumption(assumed: str) -> str:
    return (
        f"the classical bound of 'frame' assumes that {assumed}: without it a local model reaches "
        f"S = 4. 'p of assumption' compares the key in both bases of the clone; below "
        f"{REFUTED_BELOW} nothing is witnessed. No p value proves the assumption"
    )


def _predicted_remark(rows: Sequence[ResultRow]) -> str:
    if all(row.scenario != R_FIRST for row in rows):
        return ""
    return (
        f"predicted for scenario {R_FIRST} is an upper bound: calibrations do not state what the "
        "readout of R does to qubits that wait for it"
    )


KIND = ExperimentKind(
    ChshConfig,
    Wording(
        title="CHSH test of a decrypted clone, in three orders of time (published Experiment 2)",
        value="S",
        value_name="CHSH parameter S",
        marks="S = 0 for noise and for an undecrypted clone; classical bound 2 ('yes': the whole "
        "interval lies above it), quantum bound 2.828",
        published_table="Extended Data Table II",
    ),
    levels=_levels,
    curves=_curves,
    footnote=_footnote,
    highest=QUANTUM_BOUND + 0.1,
    predicted_remark=_predicted_remark,
)
