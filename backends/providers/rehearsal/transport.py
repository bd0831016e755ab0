"""The wire between adapter and cloud: what travels on it, and every way in which it breaks.

Plays the part of HTTP and of a vendor's client together, so an answer may be lost, garbled or,
worse, follow requests that the client repeated on its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass
from qiskit.circuit import QuantumCircuit

from backends.adapter import CircuitFailure
from backends.qpy_bytes import from_qpy, to_qpy
from experiments.stabilizer.clifford import steps

if TYPE_CHECKING:
    from backends.providers.rehearsal.cloud import Cloud, CloudJob

Call = Literal["submit", "find", "state", "results", "usage", "cancel"]
CALLS: tuple[Call, ...] = get_args(Call)

FaultKind = Literal[
    "refused",
    "timeout_before",
    "timeout_after",
    "accepted_500",
    "accepted_502_twice",
    "dropped",
    "rate_limited",
    "rate_limited_retry_after",
    "truncated",
    "malformed",
    "wrong_schema",
    "unavailable_503",
    "clock_skew",
]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

EXACT = ConfigDict(extra="forbid")
_SKEW_SECONDS = 3 * 3600.0


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


@checked_dataclass(frozen=True, slots=True, config=EXACT)
class Fault:
    """What goes wrong with some calls.

    Attributes:
        call: which calls.
        kind: what happens: ``refused``, ``rate_limited…``, ``timeout_before`` and
            ``unavailable_503`` before the cloud did anything, all others after it did.
            ``accepted_502_twice`` makes the client repeat a submission twice unasked.
        first: the first call of that name, counted from 1 over the life of the cloud, to fail.
        times: how many calls fail from there on.
        status: HTTP status of ``refused``.
        after_seconds: how long a failing call takes before it fails.
    """

    call: Call
    kind: FaultKind
    first: Annotated[int, Field(ge=1, strict=True)] = 1
    times: Annotated[int, Field(ge=1, strict=True)] = 1
    status: Annotated[int, Field(ge=400, le=499, strict=True)] = 403
    after_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)] = 0.0


@checked_dataclass(frozen=True, slots=True, config=EXACT)
class FaultScript:
    """All that goes wrong, decided beforehand.

    Attributes:
        faults: where several fit a call, the first counts.
    """

    faults: tuple[Fault, ...] = ()

    def fault(self, call: Call, count: int) -> Fault | None:
        """The fault of the count-th call of that name."""
        fitting = (
            fault
            for fault in self.faults
            if fault.call == call and fault.first <= count < fault.first + fault.times
        )
        return next(fitting, None)


FAULT_SCRIPT = TypeAdapter(FaultScript)


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


class Transport:
    """The way to a cloud.

    Args:
        cloud: the cloud.
        faults: what goes wrong on the way.
        clock: time in seconds that answers are stamped with.
        sleep: passes a number of seconds.
    """

    def __init__(
        self,
        cloud: Cloud,
        faults: FaultScript,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._cloud = cloud
        self._faults = faults
        self._clock = clock
        self._sleep = sleep

    def call(self, name: Call, payload: Mapping[str, Any]) -> bytes:
        """Call the cloud; return the body of its answer, JSON unless a fault garbles it.

        Raises:
            TransportTimeout: if no answer came in time.
            ConnectionDropped: if the connection was lost.
            HttpError: if the cloud answered with an error.
        """
        try:
            fault = self._faults.fault(name, self._cloud.count_call(name))
            if fault is None:
                return self._perform(name, payload)
            if fault.after_seconds:
                self._sleep(fault.after_seconds)
            _fail_before(fault)
            return self._fail_after(fault, payload)
        except sqlite3.Error as error:
            raise HttpError(500, f"the cloud's own memory failed: {error}") from error

    def _perform(self, name: Call, payload: Mapping[str, Any], skew_seconds: float = 0.0) -> bytes:
        answer: dict[str, Any] = {"server_time": self._clock() + skew_seconds}
        if name == "submit":
            circuits = [SentCircuit(**circuit) for circuit in payload["circuits"]]
            job = self._cloud.submit(payload["tag"], payload["token"], payload["device"], circuits)
            answer |= _described(job, skew_seconds)
        elif name == "find":
            jobs = self._cloud.find(payload["tag"])
            answer["jobs"] = [_described(job, skew_seconds) for job in jobs]
        elif name == "results":
            answer["id"] = payload["id"]
            answer["circuits"] = [
                {"failure": asdict(outcome)}
                if isinstance(outcome, CircuitFailure)
                else {
                    "bits": outcome.num_bits,
                    "shots": outcome.num_shots,
                    "data": base64.b64encode(outcome.array.tobytes()).decode(),
                }
                for outcome in self._cloud.results(payload["id"])
            ]
        else:
            act = self._cloud.cancel if name == "cancel" else self._cloud.job
            job = act(payload["id"])
            answer |= _described(job, skew_seconds)
            if name == "usage":
                answer |= asdict(job.usage)
        return json.dumps(answer).encode()

    def _fail_after(self, fault: Fault, payload: Mapping[str, Any]) -> bytes:
        skew_seconds = _SKEW_SECONDS if fault.kind == "clock_skew" else 0.0
        body = self._perform(fault.call, payload, skew_seconds)
        match fault.kind:
            case "timeout_after":
                raise TransportTimeout("no answer in time")
            case "dropped":
                raise ConnectionDropped("connection reset by peer")
            case "accepted_500":
                raise HttpError(500, "internal server error")
            case "accepted_502_twice":
                if fault.call != "submit":
                    raise HttpError(502, "bad gateway")
                self._perform(fault.call, payload)
                return self._perform(fault.call, payload)
            case "truncated":
                return body[: len(body) // 2]
            case "malformed":
                return b"<html>oops"
            case "wrong_schema":
                return b'{"version": 2, "answer": []}'
        return body


def _fail_before(fault: Fault) -> None:
    match fault.kind:
        case "refused":
            raise HttpError(fault.status, "not allowed")
        case "timeout_before":
            raise TransportTimeout("no answer in time")
        case "rate_limited":
            raise HttpError(429, "too many requests")
        case "rate_limited_retry_after":
            raise HttpError(429, "too many requests", retry_after_seconds=7.0)
        case "unavailable_503":
            raise HttpError(503, "service unavailable")


def _described(job: CloudJob, skew_seconds: float) -> dict[str, Any]:
    created_at = job.created_seconds + skew_seconds
    return {"id": job.id, "tag": job.tag, "status": job.state, "created_at": created_at}


def pack(circuit: QuantumCircuit) -> str:
    """Write a circuit for the wire.

    Raises:
        NotClifford: if it holds a delay without a fixed length.
    """
    return base64.b64encode(to_qpy(circuit)).decode()


def unpack(text: str) -> QuantumCircuit:
    """The circuit that :func:`pack` wrote."""
    return from_qpy(base64.b64decode(text))
