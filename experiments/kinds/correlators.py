"""Two-point correlators between R and every other qubit (arXiv:2602.10695, Fig. 7).

T_ij = <σ_i ⊗ σ_j> of R and another qubit, read before and after decryption. R is read in one
Pauli basis and all others in another: nine settings give T_ij for every qubit at once. Before
decryption no qubit shows anything; afterwards the clone alone is perfectly correlated with R, with
T_ZZ = T_XX = 1 and T_YY = -1. The value of a point is the clone's Fe, from the three settings with
equal bases; the whole of T_ij is drawn and written beside the figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister

from experiments.gates import Clones, sizes_and_clones
from experiments.kinds.entanglement import NOISE_FLOOR, WITNESS_THRESHOLD
from experiments.point import CloningPoint
from experiments.protocol import (
    BELL_PARITY,
    TO_Z,
    Cloning,
    append_gates,
    build_decryption,
    build_encryption,
    clone_qubit,
)
from experiments.settings import Check, Setting
from experiments.statistics.estimators import LinearEstimator

KIND = "correlators"

Stage = Literal["before", "after"]
STAGES: tuple[Stage, ...] = get_args(Stage)
PAULIS = "XYZ"


def qubit_names(n: int) -> tuple[str, ...]:
    """All qubits but R, in the order of the classical bits 1, 2, …; R is bit 0.

    >>> qubit_names(2)
    ('A', 'S1', 'S2', 'N1', 'N2')
    """
    return (
        "A",
        *(f"S{i}" for i in range(1, n + 1)),
        *(f"N{i}" for i in range(1, n + 1)),
    )


@dataclass(frozen=True)
class CorrelatorsPoint(CloningPoint):
    """One point of the sweep.

    >>> CorrelatorsPoint(Cloning(n=2), "after").num_qubits
    6

    Attributes:
        cloning: n, clone and strategy; a strategy that hands back a qubit.
        stage: ``before`` or ``after`` decryption.
    """

    stage: Stage

    noise_floor = NOISE_FLOOR
    witness_threshold = WITNESS_THRESHOLD

    def __post_init__(self) -> None:
        if self.cloning.strategy != "unitary":
            raise ValueError(
                f"strategy '{self.cloning.strategy}' reads the key, so its qubits have no "
                "correlators afterwards; choose 'unitary'"
            )

    @property
    def parameters(self) -> dict[str, int | str]:
        """What defines the point, under the names of a result row."""
        return {
            "experiment": KIND,
            **self.cloning.parameters,
            "estimator": "parity",
            "scenario": self.stage,
        }

    @property
    def label(self) -> str:
        """Short name for files and progress, e.g. ``n02-clone1-unitary-after``."""
        return f"{self.cloning.label}-{self.stage}"

    @property
    def linear_estimator(self) -> LinearEstimator:
        """Fe from the settings with equal bases; the others have no weight in it."""
        return LinearEstimator(-0.5, tuple(0.5 if a == b else 0.0 for a, b in _bases()))

    def settings(self) -> tuple[Setting, ...]:
        """R in X, Y, Z (slowest), the others in X, Y, Z."""
        return tuple(self._setting(a, b) for a, b in _bases())

    def _setting(self, reference: str, other: str) -> Setting:
        circuit = (
            build_decryption(self.cloning)
            if self.stage == "after"
            else build_encryption(self.cloning)
        )
        bits = ClassicalRegister(circuit.num_qubits, "q")
        circuit.add_register(bits)
        for index, qubit in enumerate(circuit.qubits):
            append_gates(circuit, TO_Z[other if index else reference], qubit)
        circuit.measure(circuit.qubits, bits)
        clone = circuit.find_bit(clone_qubit(circuit, self.cloning.clone)).index
        parity = BELL_PARITY[reference] if reference == other else 0
        return Setting(f"{reference}{other}", circuit, (Check((0, clone), parity),))


def _bases() -> list[tuple[str, str]]:
    return [(a, b) for a in PAULIS for b in PAULIS]


def points(n: Iterable[int], clones: Clones, stages: Iterable[Stage]) -> Sequence[CorrelatorsPoint]:
    """The sweep, in the order of its arguments (n slowest)."""
    return [
        CorrelatorsPoint(Cloning(size, clone), stage)
        for (size, clone), stage in product(sizes_and_clones(n, clones), tuple(stages))
    ]
