"""The ``experiment`` section of a configuration: one model for each kind of experiment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from experiments.gates import sizes_and_clones
from experiments.inputs import PureState, random_states
from experiments.kinds import (
    chsh,
    correlators,
    entanglement,
    ghz,
    iterated,
    leakage,
    storage,
)
from experiments.kinds.chsh import SCENARIOS, Scenario
from experiments.kinds.correlators import STAGES, Stage
from experiments.kinds.entanglement import INPUT_NAMES, SweptInput
from experiments.kinds.ghz import GHZ_ESTIMATORS, GhzEstimator
from experiments.kinds.iterated import MADE, Made, physical_generations
from experiments.kinds.storage import LOSSES, READS, Loss, Read
from experiments.point import Point
from experiments.protocol import STRATEGIES, Cloning
from experiments.readout import ESTIMATORS, Estimator
from runner.kinds.sections import (
    AUTO,
    DecryptConfig,
    ExperimentSection,
    Problems,
    Swept,
    cloning_qubits,
    signal_problems,
    value_problems,
)

RANDOM = "random"


def _input(value: Any) -> Any:
    """A name, a state by its angles, or how many states to draw: one of them is meant."""
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
    raise PydanticCustomError(
        "input",
        "an input is one of {names}, or {{theta_degrees: 60, phi_degrees: 45}}, or "
        "{{random: 5}} for so many states (at most {most})",
        {"names": ", ".join((*INPUT_NAMES, RANDOM)), "most": _STATES},
    )


_STATES = 1000
InputConfig = Annotated[Any, BeforeValidator(_input)]


class EntanglementConfig(ExperimentSection):
    """Experiment 1, and the same for any input."""

    kind: Literal["entanglement"]
    n: Swept[int]
    decrypt: DecryptConfig = DecryptConfig()
    estimator: Swept[Estimator] = ["parity"]
    input: Swept[InputConfig] = ["bell"]

    def sizes(self) -> tuple[str, Sequence[object], Callable[[int], int] | None]:
        """The signal qubits."""
        return "n", self.n, cloning_qubits

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
        for one in self.input:
            if not isinstance(one, Mapping):
                yield from random_states(1, seed) if one == RANDOM else (one,)
            elif RANDOM in one:
                yield from random_states(one[RANDOM], seed)
            else:
                yield PureState(float(one["theta_degrees"]), float(one["phi_degrees"]))

    def problems(self) -> Problems:
        """What is well-formed but is no experiment."""
        yield from signal_problems(self.n, self.decrypt.clone)
        if self.estimator == ["bsm"] and "witness" in self.decrypt.strategies:
            yield (
                ("estimator",),
                "strategy 'witness' decrypts nothing, so there is no clone for a Bell "
                "measurement; add estimator 'parity'",
            )


class ChshConfig(ExperimentSection):
    """Experiment 2."""

    kind: Literal["chsh"]
    n: Swept[int]
    decrypt: DecryptConfig = DecryptConfig()
    scenario: Swept[Scenario] = ["2-2"]

    def sizes(self) -> tuple[str, Sequence[object], Callable[[int], int] | None]:
        """The signal qubits."""
        return "n", self.n, cloning_qubits

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

    def sizes(self) -> tuple[str, Sequence[object], Callable[[int], int] | None]:
        """The level, or the lists of generations."""
        if self.generations:
            return "generations", self.generations, None

        def qubits(level: int) -> int:
            return max(
                2 + 2 * n * sum(self._counts(n, kind, level))
                for n in self.n
                for kind in self.clones or _PHYSICAL
            )

        return "level", self.level or [], qubits

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
                lambda one: iterated.points(self.n[:1], [one], [1], ["unitary"], ["parity"]),
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


class GhzConfig(ExperimentSection):
    """Experiment 4."""

    kind: Literal["ghz"]
    r: Swept[int]
    n: Swept[int] = [2]
    decrypt: DecryptConfig = DecryptConfig()
    estimator: Swept[GhzEstimator] = ["parity"]
    stabilizers: Annotated[int, Field(ge=8, le=10_000)] = ghz.DEFAULT_STABILIZERS

    def sizes(self) -> tuple[str, Sequence[object], Callable[[int], int] | None]:
        """The qubits of the GHZ state."""
        return "r", self.r, lambda r: r * (2 * max(self.n) + 1)

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


class CorrelatorsConfig(ExperimentSection):
    """The published Fig. 7."""

    kind: Literal["correlators"]
    n: Swept[int]
    decrypt: DecryptConfig = DecryptConfig()
    stage: Swept[Stage] = ["before", "after"]

    def sizes(self) -> tuple[str, Sequence[object], Callable[[int], int] | None]:
        """The signal qubits."""
        return "n", self.n, cloning_qubits

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


class StorageConfig(ExperimentSection):
    """Clones on servers that are lost.

    An entry of ``lost`` is a list of servers, or a number: so many of the last servers, that of
    the clone that is decrypted left out.
    """

    kind: Literal["storage"]
    n: Swept[int]
    decrypt: DecryptConfig = DecryptConfig()
    lost: Swept[int | list[int]] = [0]
    loss: Swept[Loss] = ["reset"]
    idle_microseconds: Swept[Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]] = [0.0]
    spent_on: int | None = None
    read: Swept[Read] = ["second"]
    estimator: Swept[Estimator] = ["parity"]

    def sizes(self) -> tuple[str, Sequence[object], Callable[[int], int] | None]:
        """The signal qubits."""
        return "n", self.n, cloning_qubits

    def points(self, seed: int) -> Sequence[Point]:
        """The points of the sweep."""
        del seed
        out: list[Point] = []
        for entry in self.lost:
            out += self._points(entry)
        return out

    def _points(self, entry: int | list[int]) -> list[Point]:
        out: list[Point] = []
        chosen = sizes_and_clones(self.n, self.decrypt.clone)
        for (n, clone), strategy in product(chosen, self.decrypt.strategies):
            out += storage.points(
                [Cloning(n, clone, strategy)],
                [self._servers(entry, n, clone)],
                self.loss,
                self.idle_microseconds,
                self.spent_on,
                self.estimator,
                self.read,
            )
        return out

    def _servers(self, entry: int | list[int], n: int, clone: int) -> tuple[int, ...]:
        if isinstance(entry, list):
            return tuple(entry)
        free = [server for server in range(1, n + 1) if server not in (clone, self.spent_on)]
        if not 0 <= entry <= len(free):
            raise ValueError(
                f"lost = {entry}: of n = {n} servers at most {len(free)} can be lost, since what "
                "is decrypted must survive"
            )
        return tuple(free[len(free) - entry :])

    def problems(self) -> Problems:
        """What is well-formed but is no experiment."""
        signals = list(signal_problems(self.n, self.decrypt.clone))
        yield from signals
        if not signals:
            yield from value_problems(("lost",), self.lost, self._points)


class LeakageConfig(ExperimentSection):
    """What sets of stored qubits learn; ``subset`` names the qubits, such as ``S1 S2 S3``."""

    kind: Literal["leakage"]
    n: Swept[int]
    subset: Swept[str]

    def sizes(self) -> tuple[str, Sequence[object], Callable[[int], int] | None]:
        """The signal qubits."""
        return "n", self.n, cloning_qubits

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
                ("subset",), self.subset, lambda one: leakage.points(self.n, [one])
            )


ExperimentConfig = Annotated[
    EntanglementConfig
    | ChshConfig
    | IteratedConfig
    | GhzConfig
    | CorrelatorsConfig
    | StorageConfig
    | LeakageConfig,
    Field(discriminator="kind"),
]
MODELS: dict[str, type[ExperimentSection]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model
    for model in get_args(get_args(ExperimentConfig)[0])
}
KINDS = tuple(MODELS)
CHOICES: dict[tuple[str, ...], Sequence[str]] = {
    ("experiment", "kind"): KINDS,
    ("experiment", "decrypt", "strategy"): (*STRATEGIES, AUTO),
    ("experiment", "estimator"): tuple(dict.fromkeys((*ESTIMATORS, *GHZ_ESTIMATORS))),
    ("experiment", "scenario"): SCENARIOS,
    ("experiment", "clones"): MADE,
    ("experiment", "stage"): STAGES,
    ("experiment", "loss"): LOSSES,
    ("experiment", "read"): READS,
}
