"""Entanglement fidelity of a decrypted clone, or its fidelity for other inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from experiments.inputs import PureState, draw_pure_states
from experiments.kinds import entanglement
from experiments.kinds.entanglement import INPUT_NAMES, PROCESS, SweptInput
from experiments.point import Point
from experiments.readout import Estimator
from runner.kinds.contract.decryption import DecryptConfig
from runner.kinds.contract.drawing import Level, fidelity_levels, witness_levels
from runner.kinds.contract.kind import FIDELITY_MARKS, ExperimentKind, Wording
from runner.kinds.contract.section import ExperimentSection, Sizes, signal_problems, signal_sizes
from runner.kinds.contract.strict import Problems, Swept
from runner.results.rows import ResultRow

RANDOM = "random"


def _input(value: Any) -> Any:
    """A name, a state by its angles, or how many states to draw: one of them is meant."""
    if type(value) is int and str(value) in INPUT_NAMES:
        value = str(value)  # as documented, but without quotes
    if isinstance(value, Mapping):
        if value.keys() == {"theta_degrees", "phi_degrees"}:
            angles = [value["theta_degrees"], value["phi_degrees"]]
            if all(isinstance(a, int | float) and not isinstance(a, bool) for a in angles):
                try:
                    PureState(*map(float, angles))
                except ValueError as error:
                    raise PydanticCustomError("input", "{why}", {"why": str(error)}) from error
                return dict(value)
        elif value.keys() == {RANDOM}:
            number = value[RANDOM]
            if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= _STATES:
                return dict(value)
    elif value in (*INPUT_NAMES, RANDOM):
        return value
    why = (
        f"an input is one of {', '.join((*INPUT_NAMES, RANDOM))}, or {{theta_degrees: 60, "
        f"phi_degrees: 45}}, or {{random: 5}} for so many states (at most {_STATES})"
    )
    raise PydanticCustomError("input", "{why}", {"why": why})


_STATES = 1000
InputConfig = Annotated[Any, BeforeValidator(_input)]


class EntanglementConfig(ExperimentSection):
    """Experiment 1, and the same for any input."""

    kind: Literal["entanglement"]
    n: Swept[int]
    decrypt: DecryptConfig = DecryptConfig()
    estimator: Swept[Estimator] = ["parity"]
    input: Swept[InputConfig] = ["bell"]

    def sizes(self) -> Sizes:
        """The signal qubits."""
        return signal_sizes(self.n)

    def points(self, seed: int) -> Sequence[Point]:
        """The points of the sweep."""
        return entanglement.points(
            self.n,
            self.decrypt.clone,
            self.decrypt.strategies,
            self.estimator,
            list(dict.fromkeys(self._inputs(seed))),
        )

    def _inputs(self, seed: int) -> Iterator[SweptInput]:
        for given in self.input:
            if not isinstance(given, Mapping):
                yield from draw_pure_states(1, seed) if given == RANDOM else (given,)
            elif RANDOM in given:
                yield from draw_pure_states(given[RANDOM], seed)
            else:
                yield PureState(float(given["theta_degrees"]), float(given["phi_degrees"]))

    def count_points(self) -> int:
        """Points of the sweep, without making them."""
        drawn = sum(one.get(RANDOM, 1) if isinstance(one, Mapping) else 1 for one in self.input)
        return super().count_points() // len(self.input) * drawn

    def problems(self) -> Problems:
        """What is well-formed but is no experiment."""
        yield from signal_problems(self.n, self.decrypt.clone)
        if self.estimator == ["bsm"] and "witness" in self.decrypt.strategies:
            yield (
                ("estimator",),
                "strategy 'witness' decrypts nothing, so there is no clone for a Bell "
                "measurement; add estimator 'parity'",
            )


def _levels(rows: Sequence[ResultRow]) -> Sequence[Level]:
    """The marks of Bell pairs, and those of states; noise floors of one of them only."""
    bell = [row for row in rows if row.input is None]
    states = [row for row in rows if row.input is not None]
    levels = list(fidelity_levels(bell)) if bell else []
    levels += witness_levels(states, "measuring and preparing a copy")
    if states and not bell:
        levels.append(Level(states[0].noise_floor, "noise floor", ":"))
    return levels


def _symbol(rows: Sequence[ResultRow]) -> str:
    # Fidelities of states and entanglement fidelities may stand in one column.
    return "F" if any(row.input for row in rows) else ""


def _marks(rows: Sequence[ResultRow]) -> str:
    """What is witnessed depends on the input."""
    if not any(row.input for row in rows):
        return ""
    inputs = [row.input for row in rows]
    marks = [f"without input: {FIDELITY_MARKS}"] if None in inputs else []
    marks.append("input: fidelity of that state, noise floor 0.5")
    if PROCESS in inputs:
        marks.append(
            "'process': mean over all pure states, witness line 2/3 ('yes': the whole interval "
            "lies above what any channel reaches that measures its input and prepares a copy; "
            "there is no R in these circuits)"
        )
    if any(state not in (None, PROCESS) for state in inputs):
        marks.append(
            "a single state has no witness line: a box that always emits that state scores 1"
        )
    return "; ".join(marks)


KIND = ExperimentKind(
    EntanglementConfig,
    Wording(
        title="Entanglement fidelity against the number of clones (published Experiment 1)",
        value="Fe",
        value_name="entanglement fidelity Fe",
        marks=FIDELITY_MARKS,
        published_table="Extended Data Table I",
    ),
    series=lambda row: ("" if row.input is None else f"input {row.input}",),
    levels=_levels,
    figure_name="entanglement_fidelity",
    value_symbol=_symbol,
    marks=_marks,
    # Beyond it the machine's published fidelity no longer witnesses entanglement.
)
