"""One device of IBM Quantum.

The service honours no idempotency key. What keeps jobs single is the tag, which the runner has
written down before :meth:`IbmAdapter.submit` is called, and the wire, which sends the call that
pays once. Whether that call can have made a job is read off the wire: the client's exceptions do
not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from qiskit.primitives import BitArray

from backends.adapter import (
    CircuitFailure,
    Job,
    JobState,
    Limits,
    PastCalibrations,
    ProviderError,
    Quote,
    Refused,
    Request,
    Terms,
    Unavailable,
    UnknownJob,
    Usage,
    require_within,
)
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.providers.bounded import within_bound
from backends.providers.ibm import billing, reading
from backends.providers.ibm.accounts import Connection, connect, used
from backends.providers.ibm.circuits import (
    for_the_wire,
    prepared,
    require_same_entanglers,
)
from backends.providers.ibm.device import (
    open_device,
    read_past,
    read_snapshot,
    read_target,
    require_rep_delay,
)
from backends.providers.ibm.errors import PLATFORM, asked, quiet, shown
from backends.providers.ibm.options import IbmConfig, parsed, sampler_options
from backends.providers.ibm.reading import before_it, unsent
from backends.providers.ibm.transport import client_of, mount
from backends.providers.suppression import Suppression
from experiments.stabilizer.clifford import NotClifford

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.transpiler import Target
    from qiskit_ibm_runtime import IBMBackend, Session
    from qiskit_ibm_runtime.api.client import RuntimeClient

MOST_EXECUTIONS = 10_000_000
"""Shots of all circuits of one job, by the service's documentation."""

_FEW_SHOTS, _FEW_CIRCUITS = 100_000, 300
_USUAL_REP_DELAY_SECONDS = 250e-6
_T = TypeVar("_T")


class IbmAdapter:
    """A device of IBM Quantum.

    Args:
        connection: the opened service.
        backend: the device, as the client has it; None if it is to be asked for when something is
            sent: jobs are followed without it.
        snapshot: its calibration, by which circuits were compiled.
        config: how jobs are sent.
        suppression: what the client does to circuits as it sends them.
    """

    def __init__(
        self,
        connection: Connection,
        backend: IBMBackend | None,
        snapshot: DeviceSnapshot,
        config: IbmConfig,
        suppression: Suppression,
    ) -> None:
        self.provider = "ibm"
        self.ephemeral = False
        self._held = connection
        self._opened = backend
        self._snapshot = snapshot
        self._config = config
        self._suppression = suppression
        self._ended: dict[str, Mapping[str, Any]] = {}
        self._session: Session | None = None

    def snapshot(self) -> DeviceSnapshot:
        """The calibration that circuits were compiled for."""
        return self._snapshot

    def past_calibrations(self, days: int) -> PastCalibrations:
        """The calibrations that held 1, 2, … days ago, as far as the service gives them.

        Raises:
            ProviderError: if the device cannot be opened.
        """
        return read_past(self._backend, self._snapshot, days, self._connection.wire.cut)

    def limits(self) -> Limits:
        """What the device's configuration says; usual numbers before it is there."""
        configuration = self._opened.configuration() if self._opened else None
        most_shots = int(_number(configuration, "max_shots", _FEW_SHOTS))
        most_circuits = int(_number(configuration, "max_experiments", _FEW_CIRCUITS))
        return Limits(
            circuits_per_job=self._config.circuits_per_job or most_circuits,
            shots_per_circuit=most_shots,
            shots_per_job=MOST_EXECUTIONS,
            listing_lag_seconds=self._config.listing_lag_seconds,
            poll_seconds=self._config.poll_seconds,
        )

    # Sending

    def require_device(self) -> None:
        """Open the device that jobs are sent to.

        Raises:
            ProviderError: if it cannot be had, or cannot pause so long between shots.
        """
        _ = self._backend

    @property
    def _connection(self) -> Connection:
        """The opened service; a new one where a call was left behind in the old."""
        if self._held.wire.is_cut:
            self._held = connect(self._config)
            self._opened = self._session = None
        return self._held

    @property
    def _backend(self) -> IBMBackend:
        connection = self._connection
        if self._opened is None:
            opened = open_device(connection, self._snapshot.name)
            require_rep_delay(opened, self._config.rep_delay_seconds)
            self._opened = opened
        return self._opened

    @property
    def _instance(self) -> str:
        """CRN of the instance that has the jobs."""
        if self._opened is not None and self._opened._instance:
            return str(self._opened._instance)
        return self._connection.active_instance

    @property
    def _client(self) -> RuntimeClient:
        opened = self._opened._instance if self._opened else None
        return client_of(self._connection.service, opened)

    def submit(self, job: Job) -> str:
        """Send a job, if the service can run it now."""
        try:
            self.require_device()
        except ProviderError as error:
            raise before_it(job.tag, error) from error
        require_within(self.limits(), job)
        device = self._backend
        try:
            target = self._asked(
                f"reading what '{device.name}' can run", lambda: read_target(device)
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
                sent = within_bound(lambda: self._send(job, circuits), wire.cut)
            except DoesNotFit as error:
                raise Refused(f"job '{job.tag}' was not sent: {error}") from error
            except Exception as error:
                raise unsent(job.tag, wire.posted, error) from None
        return sent

    def _send(self, job: Job, circuits: list[QuantumCircuit]) -> str:
        """Hand circuits to the client, which makes the call that pays; return the job's id."""
        sampler, shots = self._sampler(job.tag), job.requests[0].shots
        if self._suppression != Suppression():
            require_same_entanglers(circuits, prepared(circuits, sampler, shots))
        return str(sampler.run(circuits, shots=shots).job_id())

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
        return {"instance": self._instance}

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
        plan = self._connection.plan(self._instance)
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
        # Not service.jobs(), which asks for every job's device and for ever for a wrong count.
        listed = self._asked(
            what, lambda: self._client.jobs_get(job_tags=[tag], limit=100, descending=False)
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
        return reading.state_of(what, self._job(what, job_id))

    def reason(self, job_id: str) -> str:
        """Why a job failed or was cancelled, in the service's words; empty if it gives none.

        Raises:
            ProviderError: if the service cannot be asked.
        """
        what = f"asking why job '{job_id}' ended"
        document = self._job(what, job_id)
        return shown(reading.reason_of(document, lambda: self._text(what, job_id)))

    def results(self, job_id: str) -> Sequence[BitArray | CircuitFailure]:
        """Shots of every circuit of a finished job."""
        what = f"fetching the results of job '{job_id}'"
        document = self._job(what, job_id)
        if (state := reading.state_of(what, document)) != "done":
            raise Unavailable(f"{what}: it is {state}", remedy="ask where the job stands")
        try:
            text = self._text(what, job_id)
        except UnknownJob as error:
            # The job is there, so this is about its results alone.
            raise reading.unreadable(what, job_id, None, str(error)) from error
        return reading.shots_of(what, job_id, document, text)

    def differences(self, job_id: str, job: Job) -> Sequence[str]:
        """How a job differs from what was sent: program, device, tag, number of circuits."""
        what = f"comparing job '{job_id}' with what was sent"
        document = self._job(what, job_id)

        def params() -> Any:
            client = self._client
            return self._asked(what, lambda: client.job_get(job_id, exclude_params=False)).get(
                "params"
            )

        return reading.differences(document, job, self._snapshot.name, params)

    def usage(self, job_id: str) -> Usage:
        """What a finished job cost; the service bills time."""
        what = f"asking what job '{job_id}' cost"
        client = self._client
        metrics = self._asked(what, lambda: client.job_metadata(job_id), of_a_job=True)
        try:
            used = metrics.get("usage") or {}
            pending = used.get("status", "pending") == "pending"
            seconds = float(used.get("qpu_charge_time_seconds") or 0.0)
        except (AttributeError, TypeError, ValueError) as error:
            raise Unavailable(
                f"{what} got no usable answer: {shown(repr(metrics))}", remedy="ask again"
            ) from error
        if pending:
            raise Unavailable(f"{what}: the bill is not made up yet", remedy="ask again later")
        return Usage(qpu_seconds=seconds)

    def cancel(self, job_id: str) -> None:
        """Cancel a job that is not finished."""
        client = self._client
        self._asked(f"cancelling job '{job_id}'", lambda: client.job_cancel(job_id), of_a_job=True)

    def _job(self, what: str, job_id: str) -> Mapping[str, Any]:
        """The service's description of a job; of one that has ended it is asked once."""
        if job_id in self._ended:
            return self._ended[job_id]
        client = self._client
        document = reading.require_job(
            what, self._asked(what, lambda: client.job_get(job_id), of_a_job=True)
        )
        if reading.state_of(what, document) in ("done", "failed", "cancelled"):
            self._ended[job_id] = document
        return document

    def _text(self, what: str, job_id: str) -> str:
        client = self._client
        return str(self._asked(what, lambda: client.job_results(job_id), of_a_job=True))

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
        configuration = self._opened.configuration() if self._opened else None
        # The client turns the service's microseconds into seconds when it reads them.
        return _number(configuration, "default_rep_delay", _USUAL_REP_DELAY_SECONDS)

    def _asked(self, what: str, question: Callable[[], _T], *, of_a_job: bool = False) -> _T:
        wire = self._connection.wire
        with quiet():
            try:
                return within_bound(question, wire.cut)
            except Exception as error:
                # Safe whatever it was: the question changed nothing.
                last = wire.asked
                wait = last.retry_after_seconds if last else None
                raise asked(what, error, wait, of_a_job=of_a_job) from None


def _number(configuration: Any, name: str, usual: float) -> float:
    """A positive number of a device's configuration; the usual one where it states none."""
    value = getattr(configuration, name, None)
    return float(value) if isinstance(value, int | float) and value > 0 else usual


def open_ibm(device: str | DeviceSnapshot, options: Mapping[str, Any]) -> IbmAdapter:
    """Open a device of IBM Quantum.

    Args:
        device: its name or ``least_busy``; or the snapshot that a run was planned with, whose
            name then says which device it is, so that a run never moves to another. The device
            itself is asked for when something is sent.
        options: fields of :class:`~backends.providers.ibm.options.IbmConfig`, and ``suppression``.

    Raises:
        NotConnected: if the account, instance or device cannot be used.
        UnusableDevice: if the device cannot run Clifford circuits.
        ProviderError: if the service cannot be asked.
    """
    config, suppression = parsed(options)
    connection = connect(config)
    if isinstance(device, DeviceSnapshot):
        return IbmAdapter(connection, None, device, config, suppression)
    backend = open_device(connection, device, config.least_busy)
    require_rep_delay(backend, config.rep_delay_seconds)
    return IbmAdapter(connection, backend, read_snapshot(backend), config, suppression)
