"""How a rehearsal cloud behaves, and what goes wrong with it: the provider's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass

from backends.adapter import CircuitFailure

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
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Positive = Annotated[int, Field(ge=1, strict=True)]


@checked_dataclass(frozen=True, slots=True, config=EXACT)
class FailingCircuit(CircuitFailure):
    """A failure on purpose; shots of a circuit that is safe to retry are not billed.

    Attributes:
        times: how many submissions of the same circuit fail before one succeeds.
    """

    times: Positive = 1


@checked_dataclass(frozen=True, slots=True, config=EXACT)
class CloudSettings:
    """How a cloud behaves; fixed when its file is made.

    Attributes:
        queue_seconds: how long a job waits.
        seconds_per_circuit: how long one circuit runs.
        listing_lag_seconds: how old a job must be before a listing shows it.
        poll_seconds: the pace that the cloud asks of those who wait.
        honours_tokens: whether a second job with the same token is the first job.
        usd_per_job: price of a job that ran, in US dollars.
        usd_per_shot: price of a shot, in US dollars.
        qpu_seconds_per_shot: billed time of a shot.
        circuits_per_job: most circuits in a job.
        shots_per_job: most shots of all circuits of a job together.
        fail_circuits: circuits that fail, by their position (from 0) among all different
            circuits that were ever submitted. Equal operations, shots and seed make the same one.
    """

    queue_seconds: NotNegative = 0.0
    seconds_per_circuit: NotNegative = 0.0
    listing_lag_seconds: NotNegative = 0.0
    poll_seconds: NotNegative = 0.0
    honours_tokens: Annotated[bool, Field(strict=True)] = False
    usd_per_job: NotNegative = 0.0
    usd_per_shot: NotNegative = 0.0
    qpu_seconds_per_shot: NotNegative = 0.0
    circuits_per_job: Positive = 1000
    shots_per_job: Positive = 10_000_000
    fail_circuits: Mapping[Annotated[int, Field(ge=0)], FailingCircuit] = field(
        default_factory=dict
    )


SETTINGS = TypeAdapter(CloudSettings)


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


@checked_dataclass(frozen=True, config=EXACT)
class RehearsalConfig(CloudSettings):
    """The simulated cloud of provider ``rehearsal``.

    Attributes:
        cloud: its file, from the folder of runs; None for a new cloud for every run.
        faults: what goes wrong, decided beforehand.
    """

    cloud: Annotated[str, Field(min_length=1)] | None = None
    faults: list[Fault] = field(default_factory=list)
