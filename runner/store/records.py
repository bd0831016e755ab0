"""Records of the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from backends.adapter import Usage
from runner.errors import EXIT_FAILED, EXIT_PARTLY_FAILED, EXIT_PENDING
from runner.store.schema import CircuitState, SubmissionState


@dataclass(frozen=True)
class RunRecord:
    """A run.

    Attributes:
        id: unique name; sorts by time.
        created_at: seconds since 1970.
        provider: where its jobs go.
        cancelled: whether the user cancelled it; then no more submissions are sent.
        document: configuration as given and resolved, provenance, device snapshot, options of
            the provider.
        device: name of the device as the configuration gives it.
    """

    id: str
    created_at: float
    provider: str
    cancelled: bool
    document: Mapping[str, Any]
    device: str = ""


@dataclass(frozen=True)
class PointRecord:
    """A point of the run: a result row before it is measured.

    Attributes:
        index: index of the point within the sweep of the configuration.
        predicted: predicted value of the point.
        transpiler_seed: seed of the chosen circuits; None without a device.
        candidates: predicted value of each seed tried.
        row: the planned result row.
    """

    index: int
    predicted: float
    transpiler_seed: int | None
    candidates: tuple[float, ...]
    row: Mapping[str, Any]


@dataclass(frozen=True)
class ProgramRecord:
    """A program: a circuit, logical and compiled, with its certificate.

    Attributes:
        stem: unique within the run.
        logical: the logical circuit as compressed QPY.
        compiled: the compiled circuit as compressed QPY.
        document: label, checks, certificate and predicted success.
    """

    stem: str
    logical: bytes
    compiled: bytes
    document: Mapping[str, Any]


@dataclass(frozen=True)
class CircuitRecord:
    """A circuit that is run once: a program with shots, seed and repeat.

    Attributes:
        identity: hash of what defines its counts.
        position: order within the run.
        point: position of the point that it belongs to.
        name: file name of its counts.
        stem: its program.
        shots: number of shots.
        seed: seed for simulators, below 2^63.
        state: ``assigned`` while it belongs to an open submission.
        attempts: number of its submissions that have ended.
        counts: compressed shots; None until collected. Once stored they never change.
        num_bits: classical bits of a shot.
        job: the provider's id of the job that the counts came from.
        failure: message and code of the provider; None unless it failed.
    """

    identity: str
    position: int
    point: int
    name: str
    stem: str
    shots: int
    seed: int
    state: CircuitState = "pending"
    attempts: int = 0
    counts: bytes | None = None
    num_bits: int | None = None
    job: str | None = None
    failure: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Submission:
    """A submission: circuits that go to the provider as one job.

    Attributes:
        tag: unique name; the provider lists jobs by it.
        run_id: the run that it belongs to.
        number: order within the run, from 0.
        token: idempotency token, the same whenever this submission is sent.
        state: stage of its life.
        provider_id: the provider's id of its job; None until accepted.
        sent_at: when it was last sent, seconds since 1970.
        sends: how often it was sent.
        forecast: expected usage, in QPU seconds and US dollars.
        billed: usage that the provider states; None until done.
        message: note of the last change of state that had one.
    """

    tag: str
    run_id: str
    number: int
    token: str
    state: SubmissionState
    provider_id: str | None
    sent_at: float | None
    sends: int
    forecast: Usage
    billed: Usage | None
    message: str


@dataclass(frozen=True)
class CircuitOutcome:
    """The result of one circuit in a finished job.

    Attributes:
        identity: hash that identifies the circuit.
        counts: compressed shots, or None.
        num_bits: classical bits of a shot, or None.
        failure: message and code of the provider, or None.
        state: new state of the circuit.
    """

    identity: str
    counts: bytes | None
    num_bits: int | None
    failure: Mapping[str, Any] | None
    state: CircuitState


@dataclass(frozen=True)
class Tally:
    """Number of circuits of a run in each state. Two are merged by adding each number.

    Attributes:
        total: number of all circuits.
        by_state: circuit state → number.
    """

    total: int
    by_state: Mapping[str, int]

    def count(self, *states: CircuitState) -> int:
        """Number of circuits in any of the given states."""
        return sum(self.by_state.get(state, 0) for state in states)

    @property
    def open(self) -> int:
        """Number of circuits that may still get counts."""
        return self.count("pending", "assigned")

    @property
    def state(self) -> Literal["pending", "done", "cancelled", "failed", "partly failed"]:
        """State of the whole run."""
        if self.open:
            return "pending"
        if self.count("counted") == self.total:
            return "done"
        if self.count("counted"):
            return "partly failed"
        return "cancelled" if self.count("cancelled") == self.total else "failed"

    @property
    def exit_code(self) -> int:
        """Exit code of a command that shows the run."""
        if self.open:
            return EXIT_PENDING
        if self.count("counted") == self.total:
            return 0
        return EXIT_PARTLY_FAILED if self.count("counted") else EXIT_FAILED


@dataclass(frozen=True, slots=True)
class Account:
    """Cost of the submissions of a run. Two are merged by adding each number.

    Attributes:
        jobs: number of submissions that were sent.
        forecast: expected usage of all that were sent.
        billed: usage that the provider has stated so far.
        awaited: expected usage of those that were sent and are not billed yet.
        unbilled: number of those.
    """

    jobs: int
    forecast: Usage
    billed: Usage
    awaited: Usage
    unbilled: int

    @property
    def is_free(self) -> bool:
        """Whether nothing was expected to cost anything, and nothing did."""
        amounts = (self.forecast, self.billed)
        return not any(amount.qpu_seconds or amount.usd for amount in amounts)
