"""The ``experiment`` section of a configuration: what all kinds have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from backends.simulation.decoding.rules import ALL_PASSED
from experiments.gates import require_clone, require_signals
from experiments.point import Point
from runner.kinds.contract.decryption import ChosenStrategy, DecryptConfig
from runner.kinds.contract.strict import KeyPath, Problems, Section

MOST_POINTS = 10_000
"""Points of a sweep: each is compiled by itself."""


@dataclass(frozen=True)
class Sizes:
    """The key of a section that decides how many qubits are needed.

    Attributes:
        key: its name, such as ``n``.
        values: the sweep of that key.
        qubits: logical qubits for a value; None if a value is no number.
        least: smallest value that there is.
    """

    key: str
    values: Sequence[object]
    qubits: Callable[[int], int] | None
    least: int = 0

    def needed(self, value: object, points: Sequence[Point]) -> int:
        """Logical qubits that a value needs.

        Args:
            value: one of the values.
            points: of the whole sweep; where a value is no number, the largest of them counts.
        """
        if self.qubits and isinstance(value, int):
            return self.qubits(value)
        return max((point.num_qubits for point in points), default=0)

    def largest_within(self, available: int) -> int | None:
        """The largest value that so many qubits suffice for; None if that is not known."""
        if self.qubits is None:
            return None
        candidates = range(self.least, available)
        return max((v for v in candidates if self.qubits(v) <= available), default=None)


class ExperimentSection(Section, ABC):
    """The section of one kind; a subclass narrows ``kind`` to its name and adds its keys.

    A section whose clone is decrypted has the key ``decrypt``, a :class:`DecryptConfig`.
    """

    kind: str

    @abstractmethod
    def points(self, seed: int) -> Sequence[Point]:
        """The points of the sweep; ``seed`` is the run's.

        Raises:
            ValueError: if there is no such experiment.
        """

    @abstractmethod
    def problems(self) -> Problems:
        """What is well-formed but is no experiment."""

    @abstractmethod
    def sizes(self) -> Sizes:
        """The key that decides how many qubits are needed."""

    def paired_keys(self) -> tuple[str, ...]:
        """Lists that go with another list value by value, so that values may come twice."""
        return ()

    @property
    def decryption(self) -> DecryptConfig | None:
        """How clones are decrypted; None where nothing is."""
        found: DecryptConfig | None = getattr(self, "decrypt", None)
        return found

    @property
    def conditional_gates(self) -> bool:
        """Whether gates depend on outcomes."""
        return self.decryption is not None and "feedforward" in self.decryption.strategy

    @property
    def signals(self) -> Sequence[int]:
        """The sweep of the key ``n``; empty for a kind without it."""
        found: Sequence[int] = getattr(self, "n", ())
        return found

    def choices(self) -> list[ChosenStrategy]:
        """What ``auto`` came to, for the first points of the sweep; empty where nothing is open."""
        return (self.decryption.chosen if self.decryption else None) or []

    def with_decryption(self, **changes: object) -> Self:
        """The same section with its clones decrypted otherwise.

        Args:
            **changes: fields of :class:`DecryptConfig`.
        """
        if self.decryption is None:
            return self
        return self.model_copy(update={"decrypt": self.decryption.model_copy(update=changes)})

    def count_points(self) -> int:
        """Points of the sweep at most, without making them."""
        paired = self.paired_keys()
        sweeps = [values for key, values in self if key not in (*paired, "path")]
        sweeps += [values for key, values in self.decryption or () if key != "chosen"]
        count = math.prod(len(values) for values in sweeps if isinstance(values, list) and values)
        if self.decryption is not None and self.decryption.clone == "all":
            count *= max(1, *self.signals, 1)
        return count

    def all_problems(self) -> Problems:
        """Too large a sweep, values given twice, then :meth:`problems`."""
        if (count := self.count_points()) > MOST_POINTS:
            shown = f"{count:,}" if count < 10**15 else "more than can be counted"
            yield (
                (),
                f"the sweep has {shown} points, and a run has at most {MOST_POINTS:,}; share it "
                "out among several configurations",
            )
            return
        yield from self._repeated_values()
        yield from self.problems()
        yield from self._problems_of_checks()

    def why_unchecked(self) -> str:
        """Why unused qubits can tell nothing of this experiment; empty if they can."""
        return ""

    def _problems_of_checks(self) -> Problems:
        decryption = self.decryption
        if decryption is None:
            return
        path: KeyPath = ("decrypt", "checks")
        if decryption.checks == "none":
            if decryption.keep != ALL_PASSED:
                yield (
                    ("decrypt", "keep"),
                    "nothing is post-selected without checks; set checks: read",
                )
        elif reason := self.why_unchecked():
            yield path, f"{reason}; leave checks out"
        elif "witness" in decryption.strategies:
            yield (
                path,
                "strategy 'witness' reads the key in another basis in each of its settings, so no "
                "rule of correction is common to them, and what they show together would be no "
                "fidelity; choose 'unitary', 'feedforward' or 'frame'",
            )

    def _repeated_values(self) -> Problems:
        sweeps: list[tuple[KeyPath, object]]
        sweeps = [((key,), values) for key, values in self if key not in self.paired_keys()]
        sweeps += [(("decrypt", key), values) for key, values in self.decryption or ()]
        for path, values in sweeps:
            if isinstance(values, list) and len(set(map(repr, values))) < len(values):
                yield path, "a value is given twice; give each value once"


def signal_sizes(signals: Sequence[int]) -> Sizes:
    """The sizes of a kind with R, A, n signal and n noise qubits."""
    return Sizes("n", signals, lambda n: 2 * n + 2, least=2)


def signal_problems(sizes: Sequence[int], clones: Sequence[int] | Literal["all"]) -> Problems:
    """Numbers of signal qubits and clones that the protocol does not have.

    Args:
        sizes: the sweep of ``n``.
        clones: the sweep of ``decrypt.clone``; empty where nothing is decrypted.
    """
    sound = []
    for index, n in enumerate(sizes):
        try:
            require_signals(n)
        except ValueError as error:
            yield ("n", index), str(error)
        else:
            sound.append(n)
    for index, clone in enumerate(() if clones == "all" else clones):
        for n in sound:
            try:
                require_clone(n, clone)
            except ValueError as error:
                yield ("decrypt", "clone", index), str(error)
                break
