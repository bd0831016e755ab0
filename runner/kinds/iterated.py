"""Clones that are cloned again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from experiments.gates import clones_of
from experiments.kinds import iterated
from experiments.kinds.iterated import Made, physical_generations
from experiments.point import Point
from experiments.published import iterated as published_value
from experiments.readout import Estimator
from runner.kinds.contract.decryption import DecryptConfig
from runner.kinds.contract.drawing import Axis
from runner.kinds.contract.kind import FIDELITY_MARKS, ExperimentKind, Wording
from runner.kinds.contract.section import ExperimentSection, Sizes, signal_problems
from runner.kinds.contract.strict import Problems, Swept, value_problems
from runner.results.rows import ResultRow

_PHYSICAL: list[Made] = ["physical"]


class IteratedConfig(ExperimentSection):
    """Experiment 3: ``level`` with ``clones``, or ``generations`` (with ``level`` or without).

    ``path`` names the clone of each generation, where they differ; one level goes with it.
    """

    kind: Literal["iterated"]
    n: Swept[int] = [2]
    level: Swept[int] | None = None
    clones: Swept[Made] | None = None
    generations: Annotated[list[list[int]], Field(min_length=1)] | None = None
    path: Annotated[list[int], Field(min_length=1)] | None = None
    decrypt: DecryptConfig = DecryptConfig()
    estimator: Swept[Estimator] = ["parity"]

    def sizes(self) -> Sizes:
        """The level, or the lists of generations."""
        if self.generations:
            return Sizes("generations", self.generations, None)

        def qubits(level: int) -> int:
            level = min(level, iterated.DEEPEST_LEVEL)
            return max(
                2 + 2 * n * sum(self._counts(n, kind, level))
                for n in self.n
                for kind in self.clones or _PHYSICAL
            )

        return Sizes("level", self.level or [], qubits)

    def paired_keys(self) -> tuple[str, ...]:
        """A level for each list of generations; a path may choose the same clone again."""
        if self.path:
            return ("path",)
        return ("level", "generations") if self.level and self.generations else ()

    @staticmethod
    def _counts(n: int, kind: Made, level: int) -> tuple[int, ...]:
        return physical_generations(n, level) if kind == "physical" else (1,) * (level + 1)

    def points(self, seed: int) -> Sequence[Point]:
        """The points of the sweep."""
        del seed
        out: list[Point] = []
        for n in self.n:
            out += iterated.points(
                [n],
                self._structures(n),
                self.decrypt.clone,
                self.decrypt.strategies,
                self.estimator,
                tuple(self.path or ()),
            )
        # The first generation alone is the same experiment, physical or virtual.
        return list(dict.fromkeys(out))

    def _structures(self, n: int) -> list[tuple[tuple[int, ...], int]]:
        """Instances in each generation, and the level that is decrypted."""
        if self.generations:
            levels = self.level or [len(counts) - 1 for counts in self.generations]
            return [
                (tuple(counts), level)
                for counts, level in zip(self.generations, levels, strict=True)
            ]
        return [
            (self._counts(n, kind, level), level)
            for kind in self.clones or _PHYSICAL
            for level in self.level or [0]
        ]

    def problems(self) -> Problems:
        """What is well-formed but is no experiment."""
        yield from signal_problems(self.n, self.decrypt.clone)
        if self.generations is None and self.level is None:
            yield (), "give 'level' (with 'clones') or 'generations', such as level: [0, 1, 2]"
            return
        deepest = iterated.DEEPEST_LEVEL
        for index, level in enumerate(self.level or ()):
            if not 0 <= level <= deepest:
                yield ("level", index), f"level = {level}: levels are counted from 0 to {deepest}"
                return
        if self.generations is not None:
            if self.clones:
                yield (
                    ("clones",),
                    "'generations' says which clones are cloned again; leave 'clones' out",
                )
            if self.level and len(self.level) != len(self.generations):
                yield (
                    ("level",),
                    f"{len(self.level)} levels for {len(self.generations)} lists of generations; "
                    "give one level for each, or none for the last level of each",
                )
                return
            yield from value_problems(
                ("generations",),
                self._structures(self.n[0]),
                lambda structure: iterated.points(
                    self.n[:1], [structure], [1], ["unitary"], ["parity"]
                ),
            )
        elif self.path and [len(self.path) - 1] != self.level:
            yield (
                ("path",),
                f"a path of {len(self.path)} clones ends at level {len(self.path) - 1}; give "
                f"level: {len(self.path) - 1} alone",
            )
        elif max(self.n) ** max(self.level or [0]) > 10**6 and "virtual" not in (self.clones or ()):
            yield ("level",), "so many clones fit no machine; give clones: virtual"
        yield from value_problems(
            ("decrypt", "strategy"),
            self.decrypt.strategies,
            lambda strategy: iterated.points([2], [((1,), 0)], [1], [strategy], ["parity"]),
        )


def _is_virtual(row: ResultRow) -> bool:
    return row.generations is not None and set(row.generations) == {"1", "-"}


def _clones(row: ResultRow) -> int:
    """Clones that are made, or that a virtual run stands for."""
    if _is_virtual(row):
        return len(clones_of(row.n)) ** ((row.level or 0) + 1)
    return row.clones or 0


_AXIS = Axis("clones (virtual: those the path stands for)", _clones, logarithmic=True)
_LARGEST_PUBLISHED = 77
"""Clones of the largest published run, on 154 qubits."""
_SECOND_PUBLISHED = 49


def _published_remark(rows: Sequence[ResultRow], device: str) -> str:
    """What stands for the largest published run, if it does not fit the device."""
    largest = max(rows, key=lambda row: row.clones or 0)
    printed = published_value(_LARGEST_PUBLISHED, 3)
    if largest.published is not None or printed is None:
        return ""
    if largest.clones is None or not _SECOND_PUBLISHED < largest.clones < _LARGEST_PUBLISHED:
        return ""
    return (
        f"{largest.clones} clones on {largest.qubits} qubits stand in for the published "
        f"{_LARGEST_PUBLISHED} on 154 qubits ({printed.value:.3f} ± {printed.shot_err:.4f}): "
        f"the calibration of {device} leaves no 154 working qubits that are connected. The "
        "pair is left out of the summary."
    )


KIND = ExperimentKind(
    IteratedConfig,
    Wording(
        title="Clones of clones (published Experiment 3)",
        value="Fe",
        value_name="entanglement fidelity Fe",
        marks=FIDELITY_MARKS,
        published_table="Extended Data Table III, virtual clones Supplementary Table VI",
    ),
    axis=lambda _: _AXIS,
    series=lambda row: ("virtual" if _is_virtual(row) else "physical",),
    published_remark=_published_remark,
)
