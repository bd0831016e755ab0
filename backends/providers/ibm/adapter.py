"""One device of IBM Quantum.

The service honours no idempotency key. What keeps jobs single is the tag, which the runner has
written down before :meth:`IbmAdapter.submit` is called, and the wire, which sends the call that
pays once. Whether that call can have made a job is read off the wire: the client's exceptions do
not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from qiskit.primitives import BitArray, PrimitiveResult

from backends.adapter import (
    CircuitFailure,
    Job,
    JobState,
    Limits,
    ProviderError,
    Quote,
    Refused,
    Request,
    Terms,
    Unavailable,
    Usage,
    require_within,
)
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.providers.ibm import billing
from backends.providers.ibm.accounts import Connection, connect, used
from backends.providers.ibm.circuits import (
    REGISTER,
    for_the_wire,
    prepared,
    require_same_entanglers,
)
from backends.providers.ibm.device import open_device, read_snapshot, require_rep_delay
from backends.providers.ibm.errors import PLATFORM, asked, quiet, shown
from backends.providers.ibm.options import IbmConfig, parsed, sampler_options
from backends.providers.ibm.submission_outcome import before_it, unsent
from backends.providers.ibm.transport import client_of, mount
from backends.providers.suppression import Suppression
from experiments.stabilizer.clifford import NotClifford

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.transpiler import Target
    from qiskit_ibm_runtime import IBMBackend, RuntimeJobV2, Session

MOST_EXECUTIONS = 10_000_000
"""Shots of all circuits of one job, by the service's documentation."""

_FEW_SHOTS = 100_000
_USUAL_REP_DELAY_SECONDS = 250e-6
_STATES: dict[str, JobState] = {
    "INITIALIZING": "queued",
    "QUEUED": "queued",
    "RUNNING": "running",
    "DONE": "done",
    "ERROR": "failed",
    "CANCELLED": "cancelled",
}
_T = TypeVar("_T")


class IbmAdapter:
    """A device of IBM Quantum.

    Args:
        connection: the opened service.
        backend: the device, as the client has it.
        snapshot: its calibration, by which circuits were compiled.
        config: how jobs are sent.
        suppression: what the client does to circuits as it sends them.
    """

    def __init__(
        self,
        connection: Connection,
        backend: IBMBackend,
        snapshot: DeviceSnapshot,
        config: IbmConfig,
        suppression: Suppression,
    ) -> None:
        self.provider = "ibm"
        self.ephemeral = False
        self._connection = connection
        self._backend = backend
        self._snapshot = snapshot
        self._config = config
        self._suppression = suppression
        self._jobs: dict[str, RuntimeJobV2] = {}
        self._session: Session | None = None

    def snapshot(self) -> DeviceSnapshot:
        """The calibration that circuits were compiled for."""
        return self._snapshot

    def limits(self) -> Limits:
        """What the device's configuration says."""
        configuration = self._backend.configuration()
        most_shots = int(getattr(configuration, "max_shots", None) or _FEW_SHOTS)
        most_circuits = int(getattr(configuration, "max_experiments", None) or 300)
        return Limits(
            circuits_per_job=self._config.circuits_per_job or most_circuits,
            shots_per_circuit=most_shots,
            shots_per_job=MOST_EXECUTIONS,
            listing_lag_seconds=self._config.listing_lag_seconds,
            poll_seconds=self._config.poll_seconds,
        )

    # Sending

    def submit(self, job: Job) -> str:
        """Send a job, if the service can run it now."""
        require_within(self.limits(), job)
        try:
            target = self._asked(
                f"reading what '{self._backend.name}' can run", lambda: self._backend.target
            )
        except ProviderError as error:
            raise before_it(job.tag, error) from error
        circuits = self._circuits(job, target)
        seconds = self.forecast(job.requests).qpu_seconds
        most = self._config.max_execution_seconds
        if most is not None and seconds > most:
            raise Refused(
                f"job '{job.tag}' was not sent: it needs about {seconds:.0f} s, but the service "
                f"would cancel it after backend.ibm.max_execution_seconds = {most}",
                remedy="allow more, or take fewer shots or backend.ibm.circuits_per_job",
            )
        try:
            self.require_ready(seconds)
        except Refused:
            raise
        except ProviderError as error:
            raise before_it(job.tag, error) from error
        wire = self._connection.wire
        wire.posted = None
        with quiet():
            try:
                mount(self._connection.service, wire)
                sampler, shots = self._sampler(job.tag), job.requests[0].shots
                if self._suppression != Suppression():
                    require_same_entanglers(circuits, prepared(circuits, sampler, shots))
                sent = sampler.run(circuits, shots=shots)
            except DoesNotFit as error:
                raise Refused(f"job '{job.tag}' was not sent: {error}") from error
            except Exception as error:
                raise unsent(job.tag, wire.posted, error) from None
        self._jobs[sent.job_id()] = sent
        return str(sent.job_id())

    def _circuits(self, job: Job, target: Target) -> list[QuantumCircuit]:
        try:
            circuits = [for_the_wire(request.circuit, target) for request in job.requests]
        except (DoesNotFit, NotClifford) as error:
            raise Refused(f"job '{job.tag}' was not sent: {error}") from error
        dynamic = any(circuit.has_control_flow_op() for circuit in circuits)
        if dynamic and self._suppression.dynamical_decoupling != "none":
            raise Refused(
                f"job '{job.tag}' was not sent: dynamical decoupling and gates that depend on "
                "outcomes exclude each other in the client",
                remedy="set suppression.dynamical_decoupling: none, or use strategy 'frame'",
            )
        if len({request.shots for request in job.requests}) > 1:
            raise Refused(
                f"job '{job.tag}' was not sent: all circuits of a job have the same shots",
                remedy="send circuits with other shots in a job of their own",
            )
        return circuits

    def _sampler(self, tag: str) -> Any:
        from qiskit_ibm_runtime.executor_sampler import Sampler

        options = sampler_options(self._config, self._suppression, tag)
        return Sampler(mode=self._mode(), options=options)

    def _mode(self) -> IBMBackend | Session:
        """The device itself, or one batch or session for all jobs of this process."""
        from qiskit_ibm_runtime import Batch, Session

        if self._config.mode == "job":
            return self._backend
        if self._session is None:
            kind = Batch if self._config.mode == "batch" else Session
            self._session = kind(self._backend, max_time=self._config.most_session_seconds)
        return self._session

    def pins(self) -> Mapping[str, Any]:
        """The instance: another one would not know this one's jobs."""
        return {"instance": str(self._backend._instance)}

    def require_ready(self, qpu_seconds: float = 0.0) -> None:
        """Whether jobs that are sent now and take so long would run.

        Raises:
            Refused: if the device takes or runs no jobs now, or the plan has too little time.
            ProviderError: if the service cannot be asked.
        """
        name = self._backend.name
        status = self._asked(f"asking whether '{name}' runs jobs", self._backend.status)
        if not status.operational:
            raise Refused(
                f"device '{name}' is offline and takes no jobs ({status.status_msg or 'no word'})",
                code="offline",
                remedy="wait, or choose another device: 'enclone doctor' lists them",
            )
        if status.status_msg != "active":
            raise Refused(
                f"device '{name}' takes jobs but runs none: it is in '{status.status_msg}'",
                code=str(status.status_msg),
                remedy="wait, or choose another device: 'enclone doctor' lists them",
            )
        usage = self._connection.usage()
        if usage.get("usage_limit_reached"):
            raise Refused(
                f"the plan's time is used up: {used(usage)}; a job would wait and not run",
                code="usage_limit_reached",
                remedy=f"wait until the period ends, or see {PLATFORM}/instances",
            )
        left = usage.get("usage_remaining_seconds")
        if left is not None and qpu_seconds > float(left):
            raise Refused(
                f"the plan has too little time: {used(usage)}, but {qpu_seconds:.0f} s are needed",
                code="usage_limit",
                remedy="take fewer shots or points, or wait until the period ends",
            )

    def allowance(self) -> str:
        """What the instance has used, and what its plan has left."""
        plan = self._connection.plan(self._backend._instance)
        return f"{plan}: {used(self._connection.usage())}"

    def close(self) -> None:
        """Let the service close a batch or session: what it has still runs, nothing is added.

        Raises:
            ProviderError: if the service cannot be asked; it then closes by itself in time.
        """
        if self._session is not None:
            session, self._session = self._session, None
            self._asked("closing the session", session.close)

    # Following

    def find(self, tag: str) -> Sequence[str]:
        """Ids of all jobs that bear the tag, oldest first."""
        what = f"listing the jobs with tag '{tag}'"
        client = client_of(self._connection.service, self._backend._instance)
        # Not service.jobs(), which asks for every job's device and for ever for a wrong count.
        listed = self._asked(
            what, lambda: client.jobs_get(job_tags=[tag], limit=100, descending=False)
        )
        try:
            return [str(one["id"]) for one in listed["jobs"] if tag in one["tags"]]
        except (KeyError, TypeError) as error:
            raise Unavailable(
                f"{what} got no usable answer: {shown(repr(error))}", remedy="ask again"
            ) from error

    def state(self, job_id: str) -> JobState:
        """Where a job stands."""
        what = f"asking where job '{job_id}' stands"
        state = self._asked(what, lambda: self._job(job_id).status())
        try:
            return _STATES[state]
        except KeyError:
            raise Unavailable(f"{what}: unknown state '{shown(state)}'") from None

    def reason(self, job_id: str) -> str:
        """Why a job failed or was cancelled, in the service's words; empty if it gives none.

        Raises:
            ProviderError: if the service cannot be asked.
        """
        what = f"asking why job '{job_id}' ended"
        return shown(self._asked(what, lambda: self._job(job_id).error_message()) or "")

    def results(self, job_id: str) -> Sequence[BitArray | CircuitFailure]:
        """Shots of every circuit of a finished job."""
        what = f"fetching the results of job '{job_id}'"
        result = self._asked(what, lambda: self._job(job_id).result())
        if not isinstance(result, PrimitiveResult):
            raise Unavailable(
                f"{what} got no usable answer: it is {type(result).__name__}, no result of a "
                "sampler",
                remedy="ask again",
            )
        return [_shots(one.data) for one in result]

    def usage(self, job_id: str) -> Usage:
        """What a finished job cost; the service bills time."""
        what = f"asking what job '{job_id}' cost"
        used = self._asked(what, lambda: self._job(job_id).metrics()).get("usage") or {}
        if used.get("status", "pending") == "pending":
            raise Unavailable(f"{what}: the bill is not made up yet", remedy="ask again later")
        return Usage(qpu_seconds=float(used.get("qpu_charge_time_seconds") or 0.0))

    def cancel(self, job_id: str) -> None:
        """Cancel a job that is not finished."""
        self._asked(f"cancelling job '{job_id}'", lambda: self._job(job_id).cancel())

    # Costs

    def forecast(self, requests: Sequence[Request]) -> Quote:
        """Time on the processor, by the calibration's durations."""
        return billing.quote(
            requests,
            self._snapshot,
            self._config,
            self._suppression.twirling,
            self._rep_delay_seconds(),
        )

    def terms(self) -> Terms:
        """What forecasts rest on, and what the plan has left."""
        pause = self._config.rep_delay_seconds
        pause = self._rep_delay_seconds() if pause is None else pause
        try:
            allowance = self.allowance()
        except ProviderError as error:
            allowance = f"time that is left: unknown ({error})"
        return Terms(
            None,
            (
                f"device {self._snapshot.name}, calibrated {self._snapshot.calibrated_at}",
                f"QPU time: {billing.JOB_SECONDS:g} s a job, and shots × (length of the scheduled "
                f"circuit + {pause * 1e6:g} µs between shots); the service's bill may differ",
                allowance,
                "money: none on the open plan; other plans bill QPU time at their own price",
                "queue: the service tells its length, not how long it takes",
            ),
        )

    def _rep_delay_seconds(self) -> float:
        configuration = self._backend.configuration()
        # The client turns the service's microseconds into seconds when it reads them.
        seconds = getattr(configuration, "default_rep_delay", None)
        return float(seconds) if seconds else _USUAL_REP_DELAY_SECONDS

    def _job(self, job_id: str) -> RuntimeJobV2:
        if job_id not in self._jobs:
            self._jobs[job_id] = self._connection.service.job(job_id)
        return self._jobs[job_id]

    def _asked(self, what: str, question: Callable[[], _T]) -> _T:
        wire = self._connection.wire
        with quiet():
            try:
                return question()
            except Exception as error:
                # Safe whatever it was: the question changed nothing.
                last = wire.asked
                raise asked(what, error, last.retry_after_seconds if last else None) from None


def _shots(data: Any) -> BitArray | CircuitFailure:
    shots = getattr(data, REGISTER, None)
    if not isinstance(shots, BitArray):
        return CircuitFailure(f"the result has no register '{REGISTER}': {shown(data)}")
    return shots.reshape(()) if shots.shape else shots


def open_ibm(device: str | DeviceSnapshot, options: Mapping[str, Any]) -> IbmAdapter:
    """Open a device of IBM Quantum.

    Args:
        device: its name or ``least_busy``; or the snapshot that a run was planned with, whose
            name then says which device it is, so that a run never moves to another.
        options: fields of :class:`~backends.providers.ibm.options.IbmConfig`, and ``suppression``.

    Raises:
        NotConnected: if the account, instance or device cannot be used.
        UnusableDevice: if the device cannot run Clifford circuits.
        ProviderError: if the service cannot be asked.
    """
    config, suppression = parsed(options)
    connection = connect(config)
    if isinstance(device, DeviceSnapshot):
        backend, snapshot = open_device(connection, device.name), device
    else:
        backend = open_device(connection, device, config.least_busy)
        snapshot = read_snapshot(backend)
    require_rep_delay(backend, config.rep_delay_seconds)
    return IbmAdapter(connection, backend, snapshot, config, suppression)
