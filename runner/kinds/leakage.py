"""What sets of stored qubits learn of the input."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Literal

from experiments.kinds import leakage
from experiments.point import Point
from runner.kinds.contract.drawing import Axis, Level
from runner.kinds.contract.kind import ExperimentKind, Wording
from runner.kinds.contract.section import ExperimentSection, Sizes, signal_problems, signal_sizes
from runner.kinds.contract.strict import Problems, Swept, value_problems
from runner.results.rows import ResultRow


class LeakageConfig(ExperimentSection):
    """What sets of stored qubits learn; ``subset`` names the qubits, such as ``S1 S2 S3``."""

    kind: Literal["leakage"]
    n: Swept[int]
    subset: Swept[str]

    def sizes(self) -> Sizes:
        """The signal qubits."""
        return signal_sizes(self.n)

    def points(self, seed: int) -> Sequence[Point]:
        """The points of the sweep."""
        del seed
        return leakage.points(self.n, self.subset)

    def problems(self) -> Problems:
        """What is well-formed but is no experiment."""
        signals = list(signal_problems(self.n, ()))
        yield from signals
        if not signals:
            yield from value_problems(
                ("subset",), self.subset, lambda names: leakage.points(self.n, [names])
            )


_CHARACTERS_PER_LINE = 9


def _axis(rows: Sequence[ResultRow]) -> Axis:
    """One tick for each set, with what it learns."""
    sets = list(dict.fromkeys(_coalition(row) for row in rows))
    return Axis(
        "set of qubits (and what the theory says that it learns)",
        lambda row: sets.index(_coalition(row)),
        names=dict(enumerate(sets)),
        shows_n=True,
    )


def _coalition(row: ResultRow) -> str:
    names = "\n".join(wrap(str(row.subset), _CHARACTERS_PER_LINE))
    return f"{names}\n(n = {row.n})\n{row.learns}"


KIND = ExperimentKind(
    LeakageConfig,
    Wording(
        title="What coalitions of stored qubits learn of the input",
        value="bias",
        value_name="bias of the best observable",
        marks="bias 0: the set tells nothing, 1: it tells that component with certainty ('yes': "
        "the whole interval lies above 0, so the set learns something; where a run has several "
        "tests, at the level 1 - 0.05/tests (Bonferroni), so that all 'yes' of the run hold at "
        "once with 95 %)",
    ),
    axis=_axis,
    levels=lambda rows: (Level(rows[0].noise_floor, "nothing is learnt", ":"),),
)
