"""Experiment ``key-loss``: noise qubits of the key are replaced before decryption.

The key is n noise qubits. ``replaced`` of them, beginning with the partner of the clone, are lost
after encryption, and fresh maximally mixed qubits take their places. What comes back follows from
the recoverable strings (arXiv:2501.02757): each of the three has a Pauli on every noise qubit, save
that for odd n the string of Y has none on the clone's partner. So Fe = 1 with the whole key, 1/2 if
n is odd and the partner alone is lost (the Y component of the input comes back, as from a
classical bit), and 1/4, which is nothing, otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Literal

from pydantic import Field
from qiskit.circuit import ClassicalRegister, QuantumCircuit, Qubit

from enclone.experiment import (
    BELL_MEASUREMENT,
    FIDELITY_MARKS,
    THREE_STABILIZERS,
    Axis,
    Cloning,
    CloningPoint,
    DecryptConfig,
    Estimator,
    ExperimentKind,
    ExperimentSection,
    Level,
    LinearEstimator,
    Point,
    Problems,
    ResultField,
    ResultRow,
    Setting,
    Shown,
    Sizes,
    Swept,
    Wording,
    build_encryption,
    build_fidelity_settings,
    decrypt_clone,
    fidelity_levels,
    register,
    signal_problems,
    signal_sizes,
    sizes_and_clones,
    value_problems,
)

NAME = "key-loss"
CLASSICAL = 0.5
"""Fe if one Pauli component of the input comes back and nothing else."""


@dataclass(frozen=True)
class KeyLossPoint(CloningPoint):
    """A clone decrypted with a key of which a part was replaced.

    Attributes:
        cloning: n, the clone that comes back, and how.
        replaced: noise qubits that are replaced, the clone's partner first.
        estimator: ``bsm`` or ``parity``.
    """

    replaced: int
    estimator: Estimator = "parity"

    noise_floor = 0.25
    witness_threshold = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.replaced <= self.cloning.n:
            raise ValueError(
                f"replaced = {self.replaced}: the key of n = {self.cloning.n} clones has "
                f"{self.cloning.n} qubits"
            )
        if self.cloning.clone == 0:
            raise ValueError("clone 0 has no partner in the key; decrypt a signal qubit")
        if self.cloning.strategy == "witness":
            raise ValueError(
                "strategy 'witness' decrypts nothing, so there is nothing to get back; choose "
                "'unitary', 'feedforward' or 'frame'"
            )

    @property
    def parameters(self) -> dict[str, int | str]:
        """What defines the point, under the names of a result row."""
        return {
            "experiment": NAME,
            **self.cloning.parameters,
            "estimator": self.estimator,
            "key_replaced": self.replaced,
        }

    @property
    def label(self) -> str:
        """Short name for files and progress, e.g. ``n03-clone1-unitary-parity-replaced1``."""
        return f"{self.cloning.label}-{self.estimator}-replaced{self.replaced}"

    @property
    def linear_estimator(self) -> LinearEstimator:
        """How the settings' success probabilities make up Fe."""
        return BELL_MEASUREMENT if self.estimator == "bsm" else THREE_STABILIZERS

    def settings(self) -> tuple[Setting, ...]:
        """The circuits to run, in the order of the estimator's weights."""
        circuit = build_encryption(self.cloning)
        noise = list(register(circuit, "N"))
        partner = noise.pop(self.cloning.clone - 1)
        _replace(circuit, [partner, *noise][: self.replaced])
        return build_fidelity_settings(decrypt_clone(circuit, self.cloning), self.estimator)

    @property
    def ideal(self) -> float:
        """Exact Fe without noise."""
        if self.replaced == 0:
            return 1.0
        return CLASSICAL if self.cloning.n % 2 == 1 and self.replaced == 1 else 0.25


def _replace(circuit: QuantumCircuit, qubits: Sequence[Qubit]) -> None:
    """Put maximally mixed qubits into the places of others."""
    if not qubits:
        return
    circuit.reset(qubits)
    circuit.h(qubits)
    # Half of the time |0>, half of the time |1>: the outcome is not looked at.
    outcomes = ClassicalRegister(len(qubits), "replaced")
    circuit.add_register(outcomes)
    circuit.measure(qubits, outcomes)
    circuit.barrier(label="loss")


class KeyLossSection(ExperimentSection):
    """How many noise qubits of the key are replaced."""

    kind: Literal["key-loss"]
    n: Swept[int]
    replaced: Swept[Annotated[int, Field(ge=0)]]
    decrypt: DecryptConfig = DecryptConfig()
    estimator: Swept[Estimator] = Field(default=["parity"])

    def sizes(self) -> Sizes:
        """The signal qubits."""
        return signal_sizes(self.n)

    def points(self, seed: int) -> Sequence[Point]:
        """The points of the sweep."""
        del seed
        return [point for count in self.replaced for point in self._points(count)]

    def _points(self, replaced: int) -> list[KeyLossPoint]:
        return [
            KeyLossPoint(Cloning(n, clone, strategy), replaced, estimator)
            for (n, clone), strategy, estimator in product(
                sizes_and_clones(self.n, self.decrypt.clone),
                self.decrypt.strategies,
                self.estimator,
            )
        ]

    def problems(self) -> Problems:
        """What is well-formed but is no experiment."""
        wrong = list(signal_problems(self.n, self.decrypt.clone))
        yield from wrong
        if not wrong:
            yield from value_problems(("replaced",), self.replaced, self._points)


def _replaced(row: ResultRow) -> int:
    return int(row.get("key_replaced"))


def _levels(rows: Sequence[ResultRow]) -> Sequence[Level]:
    witnessed, floor = fidelity_levels(rows)
    return Level(witnessed.height, "entanglement witnessed above, one Pauli below", "--"), floor


KIND = ExperimentKind(
    KeyLossSection,
    Wording(
        title="Decryption with a key of which a part was replaced",
        value="Fe",
        value_name="entanglement fidelity Fe",
        marks=FIDELITY_MARKS,
    ),
    axis=lambda _: Axis("noise qubits replaced", _replaced),
    levels=_levels,
    fields=(
        ResultField(
            name="key_replaced",
            kind="integer",
            meaning="noise qubits of the key that were replaced by maximally mixed ones",
            unit="qubit",
            role="parameter",
            shown=Shown("replaced"),
        ),
    ),
)
