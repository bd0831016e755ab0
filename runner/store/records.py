"""What the store holds, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from backends.adapter import Usage
from runner.errors import EXIT_FAILED, EXIT_PARTLY_FAILED, EXIT_PENDING
from runner.store.schema import CircuitState, SubmissionState


@dataclass(frozen=True)
class RunRecord:
    """One run.

    Attributes:
        id: unique name; sorts by time.
        created_at: seconds since 1970.
        provider: where its jobs go.
        cancelled: whether the user cancelled it: nothing new is sent.
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
    """One row of the result, before it is measured.

    Attributes:
        index: index of the point within the sweep of the configuration.
        predicted: predicted value of the point.
        transpiler_seed: the seed that won, None without a device.
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
    """A circuit, logical and compiled, with what is known about it.

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
    """One circuit to be run once.

    Attributes:
        identity: hash of what defines its counts.
        position: order within the run.
        point: position of the point that it belongs to.
        name: file name of its counts.
        stem: its program.
        shots: how many.
        seed: for simulators.
        state: where it stands; ``assigned`` while a submission carries it.
        attempts: submissions that carried it and ended.
        counts: compressed shots, once there are any; they never change.
        num_bits: classical bits of a shot.
        job: the provider's id of the job that the counts came from.
        failure: the provider's words and code, where it failed.
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
    """One job on its way.

    Attributes:
        tag: unique; the provider can be asked for it.
        run_id: the run that it belongs to.
        number: order within the run, from 0.
        token: idempotency token, the same whenever this submission is sent.
        state: where it stands.
        provider_id: the provider's id, once known.
        sent_at: when it was last sent, seconds since 1970.
        sends: how often it was sent.
        forecast: what it was expected to cost.
        billed: what the provider says it cost, once done.
        message: the last thing worth telling about it.
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
    """What a finished job says of one circuit.

    Attributes:
        identity: which circuit.
        counts: compressed shots, or None.
        num_bits: classical bits of a shot, or None.
        failure: the provider's words and code, or None.
        state: what the circuit becomes.
    """

    identity: str
    counts: bytes | None
    num_bits: int | None
    failure: Mapping[str, Any] | None
    state: CircuitState


@dataclass(frozen=True)
class Tally:
    """How many circuits of a run stand where. Two are merged by adding each number.

    Attributes:
        total: all circuits.
        by_state: circuit state → number.
    """

    total: int
    by_state: Mapping[str, int]

    def count(self, *states: CircuitState) -> int:
        """Circuits in any of the states."""
        return sum(self.by_state.get(state, 0) for state in states)

    @property
    def open(self) -> int:
        """Circuits that may still get counts."""
        return self.count("pending", "assigned")

    @property
    def word(self) -> Literal["pending", "done", "cancelled", "failed", "partly failed"]:
        """Where the whole run stands."""
        if self.open:
            return "pending"
        if self.count("counted") == self.total:
            return "done"
        if self.count("counted"):
            return "partly failed"
        return "cancelled" if self.count("cancelled") == self.total else "failed"

    @property
    def exit_code(self) -> int:
        """What a command that shows the run exits with."""
        if self.open:
            return EXIT_PENDING
        if self.count("counted") == self.total:
            return 0
        return EXIT_PARTLY_FAILED if self.count("counted") else EXIT_FAILED


@dataclass(frozen=True, slots=True)
class Account:
    """What the submissions of a run cost. Two are merged by adding each number.

    Attributes:
        jobs: submissions that were sent.
        forecast: what those were expected to cost.
        billed: what the provider says, as far as it has.
        awaited: forecast of those that are sent and not billed yet.
        unbilled: how many those are.
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
