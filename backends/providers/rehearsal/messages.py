"""What travels between a rehearsal cloud and its users: circuits, jobs and errors."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from qiskit.circuit import QuantumCircuit

from backends.adapter import JobState, Usage
from backends.qpy_bytes import from_qpy, to_qpy
from experiments.stabilizer.clifford import steps


class TransportError(Exception):
    """A call got no answer that says it succeeded."""


class TransportTimeout(TransportError):
    """No answer came in time; whether the cloud did anything is unknown."""


class ConnectionDropped(TransportError):
    """The connection was lost before the answer; whether the cloud did anything is unknown."""


class HttpError(TransportError):
    """The cloud answered with an error.

    Attributes:
        status: the HTTP status.
        body: what the cloud said.
        retry_after_seconds: its ``Retry-After``; None where it gave none.
    """

    def __init__(self, status: int, body: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(f"HTTP {status}: {body}")
        self.status = status
        self.body = body
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class SentCircuit:
    """A circuit as it travels.

    Attributes:
        qpy: the circuit as :func:`pack` writes it.
        shots: how many shots.
        seed: seed of the simulation.
    """

    qpy: str
    shots: int
    seed: int

    @property
    def fingerprint(self) -> str:
        """Equal for equal operations, shots and seeds, whatever the circuit is called."""
        # Not of the QPY itself, which differs from one process to the next.
        content = self.shots, self.seed, tuple(steps(unpack(self.qpy)))
        return hashlib.sha256(repr(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CloudJob:
    """A job as the cloud sees it.

    Attributes:
        id: the cloud's name of it, counted up as jobs are made.
        tag: the user's tag.
        state: where it stands now.
        created_seconds: when it was made, by the cloud's clock.
        circuits: how many circuits it holds.
        usage: what is billed for it; nothing before it runs or if it never does.
    """

    id: str
    tag: str
    state: JobState
    created_seconds: float
    circuits: int
    usage: Usage


def pack(circuit: QuantumCircuit) -> str:
    """Write a circuit for the wire.

    Raises:
        NotClifford: if it holds a delay without a fixed length.
    """
    return base64.b64encode(to_qpy(circuit)).decode()


def unpack(text: str) -> QuantumCircuit:
    """The circuit that :func:`pack` wrote."""
    return from_qpy(base64.b64decode(text))
