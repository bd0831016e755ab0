"""The contract between an experiment and everything that runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from qiskit.primitives import BitArray

from experiments.protocol import Cloning, Strategy
from experiments.published import Published
from experiments.settings import Setting
from experiments.statistics.estimators import LinearEstimator


class Point(ABC):
    """One point of an experiment: the circuits to run and how their counts become a value.

    A point describes a task and can be hashed, pickled and compared; what runs it is elsewhere.
    """

    @property
    @abstractmethod
    def parameters(self) -> Mapping[str, int | float | str]:
        """What defines the point, under the names of a result row (``experiment`` included)."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Short name, unique within a sweep, for files and progress."""

    @property
    @abstractmethod
    def num_qubits(self) -> int:
        """Logical qubits of its circuits."""

    @property
    @abstractmethod
    def linear_estimator(self) -> LinearEstimator:
        """How the settings' success probabilities make up the value."""

    @property
    @abstractmethod
    def noise_floor(self) -> float:
        """The value of a completely noisy device."""

    @property
    @abstractmethod
    def witness_threshold(self) -> float | None:
        """What lies above it shows what the wording of the kind says; None without such a bound."""

    @abstractmethod
    def settings(self) -> Sequence[Setting]:
        """The circuits to run, in the order of the estimator's weights."""

    def published(self) -> Published | None:
        """The printed value of this point; None, the default, if there is none."""
        return None

    @property
    def assumption(self) -> str | None:
        """What the witness assumes beyond what its bound needs; None, the default, if nothing."""
        return None

    def assumption_p_value(self, shots: Sequence[BitArray]) -> float | None:
        """P value of a test of the assumption; None, the default, without a test.

        Args:
            shots: outcomes of each setting, in the order of the settings.
        """
        del shots
        return None

    @property
    def tested_together(self) -> bool:
        """Whether a witness among many such points of a run is corrected for their number."""
        return False

    def decrypted_by(self, strategy: Strategy) -> Self:
        """The same point with its clone decrypted in another way; the default refuses.

        Raises:
            ValueError: if there is no such experiment.
        """
        raise ValueError(
            f"experiment '{self.parameters['experiment']}' decrypts no clone, so it has no "
            f"strategy '{strategy}'"
        )


@dataclass(frozen=True)
class CloningPoint(Point):
    """A point of one instance of the protocol.

    Attributes:
        cloning: n, the clone that is decrypted, how, and the input.
    """

    cloning: Cloning

    @property
    def num_qubits(self) -> int:
        """R, A, n signals and n noise qubits."""
        return self.cloning.num_qubits

    def decrypted_by(self, strategy: Strategy) -> Self:
        """The same point with its clone decrypted in another way.

        Raises:
            ValueError: if there is no such experiment.
        """
        return replace(self, cloning=replace(self.cloning, strategy=strategy))
