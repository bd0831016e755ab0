"""GHZ state of qubits that are cloned, one clone of each decrypted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from backends.simulation.decoding.rules import MOST_CORRECTIONS
from experiments.kinds import ghz
from experiments.kinds.ghz import GhzEstimator
from experiments.point import Point
from runner.kinds.contract.decryption import DecryptConfig
from runner.kinds.contract.drawing import Axis, Curve, Level, witness_levels
from runner.kinds.contract.kind import ExperimentKind, Wording
from runner.kinds.contract.section import ExperimentSection, Sizes, signal_problems
from runner.kinds.contract.strict import Problems, Swept
from runner.results.rows import ResultRow


class GhzConfig(ExperimentSection):
    """Experiment 4."""

    kind: Literal["ghz"]
    r: Swept[int]
    n: Swept[int] = [2]
    decrypt: DecryptConfig = DecryptConfig()
    estimator: Swept[GhzEstimator] = ["parity"]
    stabilizers: Annotated[int, Field(ge=8, le=10_000)] = ghz.DEFAULT_STABILIZERS

    def sizes(self) -> Sizes:
        """The qubits of the GHZ state."""
        return Sizes("r", self.r, lambda r: r * (2 * max(self.n) + 1), least=1)

    def points(self, seed: int) -> Sequence[Point]:
        """The points of the sweep."""
        return ghz.points(
            self.r,
            self.n,
            self.decrypt.clone,
            self.decrypt.strategies,
            self.estimator,
            self.stabilizers,
            seed,
        )

    def problems(self) -> Problems:
        """What is well-formed but is no experiment."""
        yield from signal_problems(self.n, self.decrypt.clone)
        for index, r in enumerate(self.r):
            try:
                ghz.points([r], [2], [1], self.decrypt.strategies, self.estimator)
            except ValueError as error:
                yield ("r", index), str(error)

    def why_unchecked(self) -> str:
        """Why unused qubits can tell nothing of this experiment; empty if they can."""
        largest = max((r for r in self.r if isinstance(r, int)), default=0)
        if largest > MOST_CORRECTIONS:
            return (
                f"r = {largest}: the corrections of more than {MOST_CORRECTIONS} clones are too "
                "many to be compared"
            )
        if largest > LARGEST_PAULI_R and "parity" in self.estimator:
            return (
                "parity oscillations of more than 2 qubits are read in turned bases, where an "
                "error changes an angle and is no flip; use estimator 'stabilizers'"
            )
        return ""


LARGEST_PAULI_R = 2
"""Most qubits whose parity oscillations have settings in Pauli bases alone."""
_AXIS = Axis("qubits r of the GHZ state", lambda row: row.r or 0)


def _levels(rows: Sequence[ResultRow]) -> Sequence[Level]:
    # The noise floor depends on r: it is a curve.
    return witness_levels(rows, "entanglement witnessed above")


def _curves(rows: Sequence[ResultRow]) -> Sequence[Curve]:
    floors = sorted({(row.r or 0, row.noise_floor) for row in rows})
    return (Curve(floors, "noise floor", ":", len(floors) // 2, (4, 4)),)


KIND = ExperimentKind(
    GhzConfig,
    Wording(
        title="GHZ state of cloned qubits (published Experiment 4)",
        value="F",
        value_name="GHZ fidelity F",
        marks="noise floor 2^-r; witness line 0.5 ('yes': the whole interval lies above it, so "
        "all r clones are genuinely entangled; a single qubit, r = 1, has no such line)",
        published_table="Extended Data Table IV",
    ),
    axis=lambda _: _AXIS,
    levels=_levels,
    curves=_curves,
)
