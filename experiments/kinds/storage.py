"""Redundant storage: n clones on n servers, any of them lost, a survivor decrypted with the key.

Each signal qubit S_i lies on a server of its own; the client keeps the noise qubits, which are the
key. Servers are lost before decryption: their qubits are reset, measured, or depolarized. Whatever
is lost, a surviving clone comes back with Fe = 1 (PRL 136, 010801). ``idle_microseconds`` lets
everything wait between encryption and loss.

``spent_on`` shows that the key works once: first that clone is decrypted with the key, then
``clone`` with what is left of it. Without noise the second attempt sits at the floor, Fe = 1/4.
``read: first`` reads the first clone after that attempt instead: of the two fidelities at most one
is above the classical bound 1/2, so there are never two usable copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister, QuantumCircuit, Qubit

from experiments.gates import DecryptGate, require_clone
from experiments.kinds.entanglement import NOISE_FLOOR, WITNESS_THRESHOLD
from experiments.point import CloningPoint
from experiments.protocol import Cloning, build_encryption, clone_qubit, register
from experiments.readout import DecryptedClone, Estimator, build_fidelity_settings, decrypt_clone
from experiments.settings import Setting
from experiments.statistics.estimators import BELL_MEASUREMENT, THREE_STABILIZERS, LinearEstimator

KIND = "storage"

Loss = Literal["reset", "measure", "depolarize"]
LOSSES: tuple[Loss, ...] = get_args(Loss)
Read = Literal["second", "first"]
READS: tuple[Read, ...] = get_args(Read)


@dataclass(frozen=True)
class StoragePoint(CloningPoint):
    """One point of the sweep.

    >>> StoragePoint(Cloning(n=3), lost=(3,), loss="measure").parameters["lost"]
    'S3'

    Attributes:
        cloning: n, the clone that comes back, and how.
        lost: servers (signal qubits, from 1) that are lost before decryption, ascending.
        loss: what happens to their qubits.
        idle_microseconds: how long everything waits after encryption.
        spent_on: clone that was decrypted with the key before; None if the key is fresh.
        estimator: ``bsm`` or ``parity``.
        read: with a spent key, whether the clone of the ``second`` attempt is read, or the
            ``first`` clone after that attempt.
    """

    lost: tuple[int, ...] = ()
    loss: Loss = "reset"
    idle_microseconds: float = 0.0
    spent_on: int | None = None
    estimator: Estimator = "parity"
    read: Read = "second"

    noise_floor = NOISE_FLOOR
    witness_threshold = WITNESS_THRESHOLD

    def __post_init__(self) -> None:
        n, clone = self.cloning.n, self.cloning.clone
        for server in self.lost:
            if not 1 <= server <= n:
                raise ValueError(
                    f"lost = {list(self.lost)}: there is no server {server}; n = {n} clones lie on "
                    f"the servers 1 to {n}"
                )
        if sorted(set(self.lost)) != list(self.lost):
            raise ValueError(
                f"lost = {list(self.lost)}: name each lost server once, in ascending order"
            )
        for needed in (clone, self.spent_on):
            if needed in self.lost:
                raise ValueError(
                    f"lost = {list(self.lost)}: clone {needed} is to be decrypted, so its server "
                    "must survive; decrypt another clone, or lose other servers"
                )
        if self.cloning.strategy == "witness":
            raise ValueError(
                "strategy 'witness' decrypts nothing, so there is nothing to get back; choose "
                "'unitary', 'feedforward' or 'frame'"
            )
        if self.idle_microseconds < 0:
            raise ValueError(
                f"idle_microseconds = {self.idle_microseconds:g}: a time is not negative"
            )
        if self.spent_on is not None:
            require_clone(n, self.spent_on)
            if self.spent_on == clone or self.cloning.strategy != "unitary":
                raise ValueError(
                    f"spent_on = {self.spent_on}: a spent key is tried on another clone than "
                    f"{self.spent_on}, and with strategy 'unitary', since the other strategies "
                    "measure the key"
                )
        elif self.read == "first":
            raise ValueError(
                "read = 'first': only with a spent key is there a first clone; give spent_on, or "
                "leave read out"
            )

    @property
    def parameters(self) -> dict[str, int | float | str]:
        """What defines the point, under the names of a result row."""
        out: dict[str, int | float | str] = {
            "experiment": KIND,
            **self.cloning.parameters,
            "estimator": self.estimator,
            "lost": " ".join(f"S{server}" for server in self.lost) or "none",
            "loss": self.loss if self.lost else "none",
            "idle_microseconds": self.idle_microseconds,
        }
        if self.spent_on is not None:
            out["spent_on"] = self.spent_on
            out["scenario"] = f"{self.read} clone read"
        return out

    @property
    def label(self) -> str:
        """Short name for files and progress, e.g. ``n03-clone1-unitary-parity-lost2.3-reset``."""
        parts = [f"{self.cloning.label}-{self.estimator}"]
        if self.lost:
            parts.append(f"lost{'.'.join(map(str, self.lost))}-{self.loss}")
        if self.idle_microseconds:
            parts.append(f"idle{self.idle_microseconds:g}us")
        if self.spent_on is not None:
            parts.append(f"spent{self.spent_on}-{self.read}")
        return "-".join(parts)

    @property
    def linear_estimator(self) -> LinearEstimator:
        """How the settings' success probabilities make up Fe."""
        return BELL_MEASUREMENT if self.estimator == "bsm" else THREE_STABILIZERS

    def settings(self) -> tuple[Setting, ...]:
        """The circuits to run, in the order of the estimator's weights."""
        return build_fidelity_settings(self._decrypted(), self.estimator)

    def _decrypted(self) -> DecryptedClone:
        cloning = self.cloning
        circuit = build_encryption(cloning)
        if self.idle_microseconds:
            circuit.delay(self.idle_microseconds * 1e-6, circuit.qubits, unit="s")
            circuit.barrier()
        self._lose(circuit, [clone_qubit(circuit, server) for server in self.lost])
        if self.spent_on is None:
            return decrypt_clone(circuit, cloning)
        first = clone_qubit(circuit, self.spent_on)
        circuit.append(DecryptGate(cloning.n, self.spent_on), [first, *register(circuit, "N")])
        circuit.barrier(label="first decryption")
        second = decrypt_clone(circuit, cloning)
        return replace(second, clone=first) if self.read == "first" else second

    def _lose(self, circuit: QuantumCircuit, qubits: Sequence[Qubit]) -> None:
        if not qubits:
            return
        if self.loss != "measure":
            circuit.reset(qubits)
        if self.loss == "depolarize":
            # Half of the time |0>, half of the time |1>: nobody looks at the outcome.
            circuit.h(qubits)
        if self.loss != "reset":
            lost = ClassicalRegister(len(qubits), "lost")
            circuit.add_register(lost)
            circuit.measure(qubits, lost)
        circuit.barrier(label="loss")


def points(
    cloning: Iterable[Cloning],
    lost: Iterable[tuple[int, ...]],
    losses: Iterable[Loss],
    idle_microseconds: Iterable[float],
    spent_on: int | None,
    estimators: Iterable[Estimator],
    reads: Iterable[Read] = ("second",),
) -> Sequence[StoragePoint]:
    """The sweep, in the order of its arguments (cloning slowest).

    Where nothing is lost there is no kind of loss: such points come once.
    """
    losses = tuple(losses)
    return [
        StoragePoint(chosen, servers, loss, idle, spent_on, estimator, read)
        for chosen, servers, loss, idle, read, estimator in product(
            tuple(cloning),
            tuple(lost),
            losses,
            tuple(idle_microseconds),
            tuple(reads),
            tuple(estimators),
        )
        if servers or loss == losses[0]
    ]
