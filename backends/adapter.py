"""The contract between the runner and a provider of quantum computers or simulators.

An adapter is a handful of calls, each of which promises exactly what it raises. Everything that
needs a memory (retries, reconciliation, budgets) lives in the runner; an adapter is free of
state other than its connection.

The point of the two kinds of failure is money: after :class:`Refused` nothing was made and the
same job may be sent again; after :class:`Doubtful` a job may exist, so the runner looks for its
tag with :meth:`Adapter.find` before it sends anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from backends.errors import BackendError

if TYPE_CHECKING:
    # Looking at stored runs must not wait for Qiskit to be imported.
    from qiskit.circuit import QuantumCircuit
    from qiskit.primitives import BitArray

    from backends.devices.snapshot import DeviceSnapshot

JobState = Literal["queued", "running", "done", "failed", "cancelled"]


class ProviderError(BackendError):
    """A provider said no, or could not be asked.

    Attributes:
        code: the provider's own code, such as ``429`` or ``1305``; empty where it has none.
        remedy: what the user can do about it.
    """

    def __init__(self, message: str, *, code: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy


class Refused(ProviderError):
    """The call certainly had no effect: no job was made."""


class RateLimited(Refused):
    """Too many calls: nothing was made, and the same call may be sent again later.

    Attributes:
        retry_after_seconds: how long the provider asks to wait; None where it does not say.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "429",
        remedy: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.retry_after_seconds = retry_after_seconds


class Unusable(ProviderError):
    """The account or its setup must be mended first; asking again cannot help."""


class Unavailable(ProviderError):
    """A question got no usable answer; asking again changes nothing and is safe."""


class Doubtful(ProviderError):
    """The call may have had its effect: look by tag before sending again."""


class Declined(Doubtful):
    """The provider answered no, but the call had reached it: look by tag before believing it.

    Services have answered 401, 409 and 429 for jobs that they had made. If no job bears the tag,
    the answer is believed: nothing was made.

    Attributes:
        again: whether the same call may be sent again later, as after too many calls.
        retry_after_seconds: how long the provider asks to wait; None where it does not say.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        remedy: str = "",
        again: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.again = again
        self.retry_after_seconds = retry_after_seconds


class UnknownJob(ProviderError):
    """The provider has no job of that id.

    Only an answer about the job itself says so. A file that is missing, a listing that cannot be
    found or an answer that is not for this account is not this: those are :class:`Unavailable`,
    :class:`Unreadable` and :class:`Unusable`.
    """


class Unreadable(ProviderError):
    """The results of a finished job came, or should have, but cannot be read.

    Attributes:
        answer: the answer as it came; None if there was none.
        where: where the provider keeps it, in words; empty if that is not known.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        remedy: str = "",
        answer: bytes | None = None,
        where: str = "",
    ) -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.answer = answer
        self.where = where


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may hold.

    Attributes:
        circuits_per_job: most circuits in a job.
        shots_per_circuit: most shots of a circuit.
        shots_per_job: most shots of all circuits of a job together.
        listing_lag_seconds: how long a job may exist before :meth:`Adapter.find` shows it.
        poll_seconds: the provider's own pace for asking where a job stands.
        fewest_shots: least shots of a circuit.
    """

    circuits_per_job: int
    shots_per_circuit: int
    shots_per_job: int
    listing_lag_seconds: float = 0.0
    poll_seconds: float = 0.0
    fewest_shots: int = 1


@dataclass(frozen=True, eq=False)
class Request:
    """One compiled circuit to be run.

    Attributes:
        circuit: native circuit on the device's qubits.
        shots: how many shots.
        seed: seed of the simulation; hardware ignores it.
    """

    circuit: QuantumCircuit
    shots: int
    seed: int


@dataclass(frozen=True, eq=False)
class Job:
    """Circuits that are sent together.

    Attributes:
        tag: unique text under which the provider can be asked for the job.
        token: idempotency token for providers that honour one; the same for the same tag.
        requests: the circuits, in the order of the results.
    """

    tag: str
    token: str
    requests: tuple[Request, ...]


def require_within(limits: Limits, job: Job) -> None:
    """Refuse a job that holds more than a job may.

    Raises:
        Refused: if it does.
    """
    shots = [request.shots for request in job.requests]
    for number, most, what in (
        (len(shots), limits.circuits_per_job, "circuits"),
        (max(shots, default=0), limits.shots_per_circuit, "shots of one circuit"),
        (sum(shots), limits.shots_per_job, "shots of all circuits"),
    ):
        if number > most:
            raise Refused(
                f"job '{job.tag}' was not sent: it has {number} {what}, but a job may have {most}",
                code="too_large",
                remedy="share its circuits and shots out among several jobs",
            )


@dataclass(frozen=True, slots=True)
class CircuitFailure:
    """Why one circuit of a job has no counts.

    Attributes:
        message: the provider's own words.
        code: the provider's own code; empty where it has none.
        safe_to_retry: whether the provider says that the circuit did not run and may be sent
            again at no double cost.
    """

    message: str
    code: str = ""
    safe_to_retry: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What a job cost, as the provider bills it. Two are merged by adding both numbers.

    Attributes:
        qpu_seconds: billed time on the processor.
        usd: billed money.
    """

    qpu_seconds: float = 0.0
    usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.qpu_seconds + other.qpu_seconds, self.usd + other.usd)


@dataclass(frozen=True, slots=True)
class Quote:
    """What a job is expected to cost. Two are merged by adding each number.

    Attributes:
        qpu_seconds: billed time on the processor.
        job_fees_usd: what is asked for each job, whatever is in it.
        shot_fees_usd: what is asked for the shots.
    """

    qpu_seconds: float = 0.0
    job_fees_usd: float = 0.0
    shot_fees_usd: float = 0.0

    def __add__(self, other: Quote) -> Quote:
        return Quote(
            self.qpu_seconds + other.qpu_seconds,
            self.job_fees_usd + other.job_fees_usd,
            self.shot_fees_usd + other.shot_fees_usd,
        )

    @property
    def usage(self) -> Usage:
        """Time and money in all, as they stand on a bill."""
        return Usage(self.qpu_seconds, self.job_fees_usd + self.shot_fees_usd)


@dataclass(frozen=True, slots=True)
class Terms:
    """What every forecast of an adapter rests on.

    Attributes:
        queue_seconds: how long a job waits before it runs; None if nobody knows.
        assumptions: one sentence for each number of a forecast.
    """

    queue_seconds: float | None
    assumptions: tuple[str, ...]


class Adapter(Protocol):
    """One device of one provider."""

    provider: str
    ephemeral: bool
    """Whether jobs end with the process: an unknown job then may be run again at no cost."""

    def snapshot(self) -> DeviceSnapshot | None:
        """The device's calibration now; None for a simulator without noise.

        Raises:
            ProviderError: if the device cannot be asked.
        """

    def limits(self) -> Limits:
        """What one job may hold. Raises nothing.

        An adapter that :class:`NeedsDevice` may state usual numbers until the device is there.
        """

    def submit(self, job: Job) -> str:
        """Send a job; return the provider's id of it.

        Raises:
            Refused: no job was made, for certain: the call was not sent, or not read.
            Declined: the call was sent and answered with a refusal.
            Doubtful: a job may have been made.
        """

    def find(self, tag: str) -> Sequence[str]:
        """Ids of all jobs that bear the tag, oldest first. A listing may lag.

        Raises:
            ProviderError: if the provider cannot be asked.
        """

    def state(self, job_id: str) -> JobState:
        """Where a job stands.

        Raises:
            UnknownJob: if there is no such job.
            ProviderError: if the provider cannot be asked.
        """

    def results(self, job_id: str) -> Sequence[BitArray | CircuitFailure]:
        """Shots of every circuit of a finished job, all classical bits in one array.

        Bit order is Qiskit's: bit c of the circuit is bit c of the array.

        Raises:
            UnknownJob: if there is no such job.
            Unreadable: if they came and cannot be read.
            ProviderError: if the results cannot be had.
        """

    def forecast(self, requests: Sequence[Request]) -> Quote:
        """What one job of these circuits is expected to cost. Raises nothing."""

    def terms(self) -> Terms:
        """What forecasts rest on, and how long jobs wait. Raises nothing."""

    def usage(self, job_id: str) -> Usage:
        """What a finished job cost.

        Raises:
            UnknownJob: if there is no such job.
            ProviderError: if the provider cannot be asked.
        """

    def cancel(self, job_id: str) -> None:
        """Ask for a job to be cancelled; :meth:`state` tells whether it was.

        Raises:
            UnknownJob: if there is no such job.
            ProviderError: if the provider cannot be asked.
        """


@runtime_checkable
class Explains(Protocol):
    """An adapter that knows why a job ended without results."""

    def reason(self, job_id: str) -> str:
        """Why a job failed or was cancelled, in the provider's words; empty if it gives none.

        Raises:
            ProviderError: if the provider cannot be asked.
        """


@runtime_checkable
class NeedsDevice(Protocol):
    """An adapter that follows jobs without its device, and needs the device to send some.

    Jobs outlive devices: one may be retired, closed or changed while its jobs wait.
    """

    def require_device(self) -> None:
        """Reach for the device, so that limits and forecasts are its own.

        Raises:
            BackendError: if it cannot be had.
        """


@runtime_checkable
class Compares(Protocol):
    """An adapter that can tell whether a job is the one that was sent."""

    def differences(self, job_id: str, job: Job) -> Sequence[str]:
        """How a job at the provider differs from what was sent, in words; empty if it does not.

        Args:
            job_id: the provider's id of a job.
            job: what was sent. Its tag, its circuits and their shots are compared, as far as the
                provider tells.

        Raises:
            UnknownJob: if there is no such job.
            ProviderError: if the provider cannot be asked.
        """


@runtime_checkable
class Closes(Protocol):
    """An adapter that holds something open at the provider while it sends."""

    def close(self) -> None:
        """Let it go; what was sent still runs.

        Raises:
            ProviderError: if the provider cannot be asked.
        """


@runtime_checkable
class Checks(Protocol):
    """An adapter that can tell beforehand whether the provider runs jobs now, and how many."""

    def require_ready(self, qpu_seconds: float = 0.0) -> None:
        """Whether jobs that are sent now and take so long would run.

        Raises:
            Refused: if they would not.
            ProviderError: if the provider cannot be asked.
        """

    def allowance(self) -> str:
        """What was used and what is left, as one line.

        Raises:
            ProviderError: if the provider cannot be asked.
        """


@runtime_checkable
class Pins(Protocol):
    """An adapter that chose something on its own, which a run must keep to when it goes on."""

    def pins(self) -> Mapping[str, Any]:
        """Option of the provider → what was chosen."""


@dataclass(frozen=True, slots=True)
class PastCalibrations:
    """Calibrations of a device before the one that circuits are compiled for.

    Attributes:
        snapshots: at most one for each day (UTC) of a calibration, the newest first; each states
            when it was made (``calibrated_at``).
        remark: what could not be had, and why, in one line; empty if nothing is missing.
    """

    snapshots: tuple[DeviceSnapshot, ...] = ()
    remark: str = ""


@runtime_checkable
class Remembers(Protocol):
    """An adapter whose provider keeps calibrations of the past.

    Intervals of predictions then span them; without them a drift is assumed.
    """

    def past_calibrations(self, days: int) -> PastCalibrations:
        """The calibrations that held 1, 2, … ``days`` days ago, as far as they can be had.

        It takes at most one call of the provider for each day and about a minute in all. A
        calibration that cannot be had is left out, and the remark says so.

        Raises:
            ProviderError: if none can be had; runs are planned without them then.
        """


@runtime_checkable
class Simulates(Protocol):
    """An adapter that computes its results in this process.

    Attributes:
        simulation_seconds: time that it has spent on them so far.
    """

    simulation_seconds: float


@runtime_checkable
class PerRun(Protocol):
    """An adapter with options that each run has its own of, such as a file for its jobs."""

    def for_run(self, options: Mapping[str, Any]) -> Adapter:
        """The same device, for a run that begins now.

        Args:
            options: of the provider, as they are stored with the run.

        Raises:
            ProviderError: if an option is wrong.
        """
