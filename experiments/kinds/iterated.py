"""Experiment 3: clones are cloned again (arXiv:2602.10695, Figs. 8-11).

Every instance of the protocol encrypts one qubit into n+1 clones (n even) or n (n odd). In a
``physical`` run all clones of a generation are encrypted again in the next; ``virtual`` runs
encrypt only the clone on the path that is decrypted, which gives that clone the same treatment
with far fewer qubits. ``generations`` gives the number of instances in each generation, so that a
chip can be filled exactly: [1, 3, 9, 11] makes 49 clones on 98 qubits.

Decrypting a clone takes only the n keys of each generation on its path, innermost first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, get_args

from qiskit.circuit import QuantumCircuit, Qubit

from experiments import published
from experiments.gates import (
    Clones,
    DecryptGate,
    EncryptGate,
    clones_of,
    require_clone,
    sizes_and_clones,
)
from experiments.kinds.entanglement import NOISE_FLOOR, WITNESS_THRESHOLD
from experiments.point import Point
from experiments.protocol import (
    NO_FRAME,
    Cloning,
    Strategy,
    add_bell_pairs,
    append_feedforward,
    build_preparation,
    diagonalize_key,
    find_pauli_frame,
    register,
)
from experiments.readout import DecryptedClone, Estimator, build_fidelity_settings
from experiments.settings import Setting
from experiments.statistics.estimators import BELL_MEASUREMENT, THREE_STABILIZERS, LinearEstimator

KIND = "iterated"


Made = Literal["physical", "virtual"]
MADE: tuple[Made, ...] = get_args(Made)

DEEPEST_LEVEL = 40


def physical_generations(n: int, level: int) -> tuple[int, ...]:
    """Instances in each generation when every clone is cloned again.

    >>> physical_generations(2, 2)
    (1, 3, 9)
    """
    # Not the length of clones_of(n), which no huge range has.
    each = n if n % 2 else n + 1
    return tuple(each**k for k in range(level + 1))


@dataclass(frozen=True)
class IteratedPoint(Point):
    """One point of the sweep.

    >>> IteratedPoint(n=2, generations=(1, 2), level=1).num_qubits
    14

    Attributes:
        n: signal qubits of every instance.
        generations: instances in each generation; the first is 1.
        level: generation of the clone that is decrypted, from 0.
        clone: which clone of its instance goes on, in every generation; 0 is the input qubit.
        strategy: how it is decrypted.
        estimator: ``bsm`` or ``parity``.
        path: the clone of each generation that goes on, outermost first, where they differ;
            ``clone`` is then the last of them.
    """

    n: int
    generations: tuple[int, ...]
    level: int
    clone: int = 1
    strategy: Strategy = "unitary"
    estimator: Estimator = "parity"
    path: tuple[int, ...] = ()

    noise_floor = NOISE_FLOOR
    witness_threshold = WITNESS_THRESHOLD

    def __post_init__(self) -> None:
        require_clone(self.n, self.clone)
        if not self.generations or self.generations[0] != 1:
            raise ValueError(
                f"generations {list(self.generations)}: the first generation clones the one input, "
                "so the list starts with 1"
            )
        each = len(clones_of(self.n))
        for before, now in zip(self.generations, self.generations[1:], strict=False):
            if not 1 <= now <= before * each:
                raise ValueError(
                    f"generations {list(self.generations)}: {before} instances make "
                    f"{before * each} clones, so the next generation has 1 to {before * each} "
                    f"instances, not {now}"
                )
        if not 0 <= self.level < len(self.generations):
            raise ValueError(
                f"level = {self.level}: {len(self.generations)} generations have the levels 0 to "
                f"{len(self.generations) - 1}"
            )
        if self.level < len(self.generations) - 1 and (
            self.generations[self.level + 1] == self.generations[self.level] * each
        ):
            raise ValueError(
                f"level = {self.level}: every clone of that generation is cloned again, so none is "
                f"left to be decrypted; give a level up to {len(self.generations) - 1}"
            )
        if self.path:
            if len(self.path) != self.level + 1 or self.path[-1] != self.clone:
                raise ValueError(
                    f"path {list(self.path)}: it names one clone for each of the {self.level + 1} "
                    f"generations, the last of them clone {self.clone}"
                )
            for clone in self.path:
                require_clone(self.n, clone)
        if self.strategy == "witness":
            raise ValueError(
                "strategy 'witness' is measured for one generation only; choose 'unitary', "
                "'feedforward' or 'frame', or experiment 'entanglement'"
            )

    @property
    def clones(self) -> int:
        """Clones that exist when all generations are made.

        >>> IteratedPoint(2, (1, 3, 9, 11), 2).clones, IteratedPoint(2, (1, 3, 9, 25), 3).clones
        (49, 77)
        """
        return 1 + (len(clones_of(self.n)) - 1) * sum(self.generations)

    @property
    def chosen(self) -> tuple[int, ...]:
        """The clone of each generation that goes on, outermost first."""
        return self.path or (self.clone,) * (self.level + 1)

    @property
    def key_qubits(self) -> int:
        """Noise qubits that decrypting the clone takes: n of each generation on its path."""
        return self.n * (self.level + 1)

    @property
    def virtual(self) -> bool:
        """Whether only the clones on the path are cloned again."""
        return len(self.generations) > 1 and set(self.generations) == {1}

    @property
    def parameters(self) -> dict[str, int | str]:
        """What defines the point, under the names of a result row."""
        known: dict[str, int | str] = {
            "experiment": KIND,
            "n": self.n,
            "level": self.level,
            "generations": "-".join(map(str, self.generations)),
            "clones": self.clones,
            "key_qubits": self.key_qubits,
            "clone": self.clone,
            "strategy": self.strategy,
            "estimator": self.estimator,
        }
        return {**known, "path": self._path_text} if self.path else known

    @property
    def _path_text(self) -> str:
        return "-".join("A" if clone == 0 else f"S{clone}" for clone in self.chosen)

    @property
    def label(self) -> str:
        """Short name for files and progress, e.g. ``n02-g1-3-9-l2-clone1-frame-parity``."""
        counts = "-".join(map(str, self.generations))
        clone = f"path{self._path_text}" if self.path else f"clone{self.clone}"
        return f"n{self.n:02d}-g{counts}-l{self.level}-{clone}-{self.strategy}-{self.estimator}"

    @property
    def num_qubits(self) -> int:
        """R, the input, and 2n qubits for every instance."""
        return 2 + 2 * self.n * sum(self.generations)

    def decrypted_by(self, strategy: Strategy) -> IteratedPoint:
        """The same point with its clone decrypted in another way.

        Raises:
            ValueError: if there is no such experiment.
        """
        return replace(self, strategy=strategy)

    @property
    def linear_estimator(self) -> LinearEstimator:
        """How the settings' success probabilities make up Fe."""
        return BELL_MEASUREMENT if self.estimator == "bsm" else THREE_STABILIZERS

    def settings(self) -> tuple[Setting, ...]:
        """The circuits to run, in the order of the estimator's weights."""
        return build_fidelity_settings(self.decrypted(), self.estimator)

    def published(self) -> published.Published | None:
        """The printed value of this point, if there is one."""
        if self.strategy != "unitary" or 0 in self.chosen or self.estimator != "parity":
            return None
        if self.virtual or self.n != 2:
            return published.virtual_iterated(self.n, self.level)
        return published.iterated(self.clones, self.level)

    def decrypted(self) -> DecryptedClone:
        """All generations, then the decryption of one clone."""
        circuit, clone, keys = self._encrypted()
        key = [qubit for noise in keys for qubit in noise]
        frame = NO_FRAME
        if self.strategy == "unitary":
            for choice, noise in reversed(list(zip(self.chosen, keys, strict=True))):
                circuit.append(DecryptGate(self.n, choice), [clone, *noise])
        else:
            diagonalize_key(circuit, clone, key, self.n, self.chosen)
            frame = find_pauli_frame(self.n, self.chosen)
            if self.strategy == "feedforward":
                append_feedforward(circuit, clone, key, frame)
        circuit.barrier(label="decryption")
        reference = register(circuit, "R")[0]
        if self.strategy != "frame":
            return DecryptedClone(circuit, reference, clone)
        return DecryptedClone(circuit, reference, clone, tuple(key), frame)

    def _encrypted(self) -> tuple[QuantumCircuit, Qubit, list[list[Qubit]]]:
        """Preparation and encryption of every generation; the final clone; the keys to it."""
        circuit = build_preparation(Cloning(self.n))
        instance = [register(circuit, "A")[0], *register(circuit, "S")]
        circuit.append(EncryptGate(self.n), instance)
        made, clone = self._ordered(instance, self.chosen[0])
        keys = [list(register(circuit, "N"))]
        for level, number in enumerate(self.generations[1:], start=1):
            # The clone on the path goes first, unless it is to be decrypted as it is.
            inputs = made[:number] if level <= self.level else [q for q in made if q != clone]
            pairs = []
            for k in range(number):
                signals, noise = add_bell_pairs(circuit, self.n, f"{level}_{k}")
                # On these qubits alone, so that each pair is made just before it is needed.
                circuit.barrier(*signals, *noise, label=f"preparation {level}_{k}")
                pairs.append((signals, noise))
            made = []
            for index, (qubit, (signals, noise)) in enumerate(
                zip(inputs[:number], pairs, strict=True)
            ):
                circuit.append(EncryptGate(self.n), [qubit, *signals])
                on_path = index == 0 and level <= self.level
                choice = self.chosen[level] if on_path else self.clone
                mine, first = self._ordered([qubit, *signals], choice)
                made += mine
                if on_path:
                    clone = first
                    keys.append(list(noise))
        circuit.barrier(label="encryption")
        return circuit, clone, keys

    def _ordered(self, instance: Sequence[Qubit], choice: int) -> tuple[list[Qubit], Qubit]:
        """The clones of an instance with the chosen one first, and the chosen one."""
        clones = list(instance) if self.n % 2 == 0 else list(instance[1:])
        chosen = instance[choice]
        return [chosen, *(q for q in clones if q != chosen)], chosen


def points(
    n: Iterable[int],
    generations: Iterable[tuple[tuple[int, ...], int]],
    clones: Clones,
    strategies: Iterable[Strategy],
    estimators: Iterable[Estimator],
    path: tuple[int, ...] = (),
) -> Sequence[IteratedPoint]:
    """The sweep, in the order of its arguments (n slowest).

    Args:
        n: signal qubits of every instance.
        generations: instances in each generation, and the level that is decrypted.
        clones: which clone of its instance goes on.
        strategies: how it is decrypted.
        estimators: how Fe is measured.
        path: instead of ``clones``, the clone of each generation.
    """
    if path:
        clones = [path[-1]]
    return [
        IteratedPoint(size, counts, level, clone, strategy, estimator, path)
        for (size, clone), (counts, level), strategy, estimator in product(
            sizes_and_clones(n, clones), tuple(generations), tuple(strategies), tuple(estimators)
        )
    ]
