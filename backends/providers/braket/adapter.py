"""A device of Amazon Braket behind the adapter contract."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from braket.ir.openqasm import Program, ProgramSet
from pydantic import ValidationError
from qiskit.primitives import BitArray

from backends.adapter import (
    CircuitFailure,
    Declined,
    Job,
    JobState,
    Limits,
    ProviderError,
    Quote,
    Refused,
    Request,
    Terms,
    Unreadable,
    Usage,
    require_within,
)
from backends.devices.braket_capabilities import Capabilities
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import BackendError, UnknownDevice, UnusableDevice
from backends.providers.braket.calls import MISREAD, no_answer
from backends.providers.braket.listing import OpenedDevice, ask_device
from backends.providers.braket.options import BraketOptions
from backends.providers.braket.prices import Bill
from backends.providers.braket.programs import program
from backends.providers.braket.results import is_program_of, read_results
from backends.providers.braket.session import (
    TAG,
    Connection,
    Place,
    device_arn,
    region_of,
    short_name,
)
from backends.providers.braket.windows import is_open, next_opening
from experiments.stabilizer.clifford import NotClifford

_STATES: Mapping[str, JobState] = {
    "CREATED": "queued",
    "QUEUED": "queued",
    "RUNNING": "running",
    "CANCELLING": "running",
    "COMPLETED": "done",
    # Its results say why it failed.
    "FAILED": "done",
    "CANCELLED": "cancelled",
}
_STATUS_SECONDS = 60.0
"""How long what the service says of a device is believed."""

_LISTING_SECONDS = 5.0
"""How long a listing of tasks is believed; sending makes a new one."""

_USUAL_SHOTS = 1000
"""Shots that every device takes, before its own limit is known."""

_NOT_THERE = ("NoSuchKey", "NoSuchBucket", "404")
_STARTED = re.compile(r"^(\d{8}T\d{6})Z-")
_WITHOUT_FEEDBACK = (
    "if the device objects to its conditional gates, strategy 'frame' gives the same clone up to a "
    "known Pauli without them"
)
_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True)
class _Listing:
    """Tasks of a device by tag, as they were listed at a moment.

    Attributes:
        at: when, seconds since 1970.
        since: no older tasks were asked for.
        tasks: tag → when each task was made, and its ARN.
    """

    at: float
    since: datetime | None
    tasks: Mapping[str, Sequence[tuple[datetime, str]]]


class BraketAdapter:
    """A device of Amazon Braket.

    Args:
        arn: the device; None where its name is known no more, so that nothing can be sent.
        connection: the account, in the device's region.
        options: how it is used.
        planned_with: the calibration that a run was planned with; the device is then asked for
            when something is sent. None for today's, which is asked for at once.
        clock: seconds since 1970.

    Raises:
        ProviderError: if the device cannot be asked.
        UnusableDevice: if it is retired, or not one of gates.
    """

    def __init__(
        self,
        arn: str | None,
        connection: Connection,
        options: BraketOptions,
        planned_with: DeviceSnapshot | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.provider = "braket"
        self.ephemeral = False
        self.name = short_name(arn) if arn else "unknown"
        self._arn = arn
        self._connection = connection
        self._elsewhere: dict[str, Connection] = {}
        self._options = options
        self._clock = clock
        self._planned_with = planned_with
        self._listed: _Listing | None = None
        self._sources: dict[str, tuple[str, ...]] = {}
        self._opened: OpenedDevice | None = None
        if planned_with is None and self._device.status == "RETIRED":
            raise UnusableDevice(
                f"device '{self.name}' is retired; choose one that is in service: see "
                "'enclone devices --braket'"
            )

    def require_device(self) -> None:
        """Ask for the device that tasks are sent to.

        Raises:
            BackendError: if it cannot be had.
        """
        _ = self._device

    @property
    def _device(self) -> OpenedDevice:
        if self._opened is None:
            if self._arn is None:
                raise UnknownDevice(
                    "the device of this run is no device of Amazon Braket any more; what was sent "
                    "to it is followed, but nothing can be sent"
                )
            self._opened = ask_device(self._connection, self._arn, self._options, self._clock())
        return self._opened

    @property
    def _capabilities(self) -> Capabilities:
        return self._device.capabilities

    @cached_property
    def _snapshot(self) -> DeviceSnapshot | None:
        if self._planned_with is not None:
            return self._planned_with
        if self._capabilities.is_simulator:
            return None
        try:
            return self._capabilities.snapshot(
                self.name, conditional_gates=self._options.conditional_gates
            )
        except BackendError:
            raise
        except MISREAD as error:
            why = f"{type(error).__name__}: {error}"
            raise no_answer(f"reading the calibration of '{self.name}'", why) from error

    def snapshot(self) -> DeviceSnapshot | None:
        """The device's calibration; that of the plan where a run goes on."""
        return self._snapshot

    def limits(self) -> Limits:
        """One circuit a task, or as many as a program set may hold."""
        if self._opened is None:
            return Limits(
                circuits_per_job=1,
                shots_per_circuit=_USUAL_SHOTS,
                shots_per_job=_USUAL_SHOTS,
                listing_lag_seconds=self._options.listing_lag_seconds,
                poll_seconds=1.0,
            )
        fewest, most = self._capabilities.shots_range
        together = self._capabilities.program_set
        return Limits(
            circuits_per_job=1 if together is None else int(together["maximumExecutables"]),
            shots_per_circuit=most,
            shots_per_job=most if together is None else int(together["maximumTotalShots"]),
            listing_lag_seconds=self._options.listing_lag_seconds,
            poll_seconds=self._capabilities.poll_seconds,
            fewest_shots=fewest,
        )

    # Sending

    def submit(self, job: Job) -> str:
        """Send a task, if the device takes it now."""
        try:
            self.require_device()
        except BackendError as error:
            raise _unsent(job.tag, str(error), getattr(error, "remedy", "")) from error
        action, shots = self._action(job)
        require_within(self.limits(), job)
        self._require_open(job.tag)
        self._listed = None
        unknown = self._bill.unknown
        if unknown is not None and not self._options.without_prices:
            raise _unsent(job.tag, str(unknown), unknown.remedy)
        try:
            place = self._place
        except ProviderError as error:
            raise _unsent(job.tag, str(error), error.remedy) from error
        arguments: dict[str, Any] = {
            "clientToken": job.token,
            "deviceArn": self._arn,
            "action": action,
            "shots": shots,
            "outputS3Bucket": place.bucket,
            "outputS3KeyPrefix": place.prefix,
            "tags": {TAG: job.tag},
        }
        if "measure_ff" in action:
            arguments["experimentalCapabilities"] = {"enabled": "ALL"}
        try:
            return self._connection.create(f"submitting the task with tag '{job.tag}'", **arguments)
        except Declined as error:
            if "measure_ff" in action and error.code == "ValidationException":
                # Which qubits may listen to which is nowhere stated in the capabilities.
                raise Declined(str(error), code=error.code, remedy=_WITHOUT_FEEDBACK) from error
            raise

    def _action(self, job: Job) -> tuple[str, int]:
        """The task's program or program set as JSON, and its shots in all."""
        sources = []
        for request in job.requests:
            try:
                sources.append(program(request.circuit, self._device.dialect))
            except (BackendError, NotClifford) as error:
                raise _unsent(job.tag, str(error)) from error
        (shots, *others) = {request.shots for request in job.requests}
        fewest, most = self._capabilities.shots_range
        if others or not fewest <= shots <= most:
            asked = ", ".join(str(n) for n in sorted({shots, *others}))
            raise _unsent(
                job.tag,
                f"{asked} shots a circuit, but device '{self.name}' takes {fewest} to {most}, "
                "the same for all circuits of a task",
                "change 'shots'",
            )
        if len(sources) == 1:
            return Program(source=sources[0]).json(), shots
        together = ProgramSet(programs=[Program(source=source) for source in sources])
        return together.json(), shots * len(sources)

    def _require_open(self, tag: str) -> None:
        if self._clock() > self._device.asked_at + _STATUS_SECONDS:
            self._opened = None
            try:
                self.require_device()
            except ProviderError as error:
                raise _unsent(tag, str(error), error.remedy) from error
        status = self._device.status
        later = "go on with 'enclone resume' when it is back"
        if status != "ONLINE":
            remedy = "choose another device" if status == "RETIRED" else later
            raise _unsent(tag, f"device '{self.name}' is {status.lower()}", remedy)
        now = datetime.fromtimestamp(self._clock(), UTC)
        windows = self._capabilities.document["service"].get("executionWindows") or ()
        if self._options.outside_window == "queue" or is_open(windows, now):
            return
        opening = next_opening(windows, now)
        when = f"opens at {opening:%Y-%m-%d %H:%M} UTC" if opening else "is more than a week away"
        raise _unsent(
            tag,
            f"it is {now:%H:%M} UTC, outside the execution windows of device '{self.name}'; the "
            f"next {when}",
            "go on with 'enclone resume' then, or set 'backend.braket.outside_window: queue' to "
            "let tasks wait at the service",
        )

    @cached_property
    def _place(self) -> Place:
        if self._options.s3 is not None:
            return Place.of(self._options.s3)
        return self._connection.default_place()

    # Looking

    def find(self, tag: str) -> Sequence[str]:
        """ARNs of all tasks that bear the tag, oldest first.

        The service cannot be asked for a tag, so one listing serves all tags of a run for a few
        seconds: less than it may lag anyhow.
        """
        since = _earliest(tag)
        if self._listed is None or self._listed.since != since or self._is_old(self._listed):
            what = f"listing the tasks with tag '{tag}'"
            found: dict[str, list[tuple[datetime, str]]] = {}
            for task in self._connection.tasks(what, self._arn, since):
                bearer = task.get("tags", {}).get(TAG, "")
                found.setdefault(bearer, []).append((task["createdAt"], task["quantumTaskArn"]))
            self._listed = _Listing(self._clock(), since, found)
        return [arn for _, arn in sorted(self._listed.tasks.get(tag, ()))]

    def _is_old(self, listing: _Listing) -> bool:
        return not 0 <= self._clock() - listing.at < _LISTING_SECONDS

    def state(self, job_id: str) -> JobState:
        """Where a task stands."""
        what = f"asking where task '{job_id}' stands"
        status = self._task(what, job_id)["status"]
        if not isinstance(status, str) or status not in _STATES:
            raise no_answer(what, f"its status is '{status}'")
        return _STATES[status]

    def results(self, job_id: str) -> Sequence[BitArray | CircuitFailure]:
        """Shots of every circuit of a task, or why it failed."""
        what = f"fetching the results of task '{job_id}'"
        connection, task = self._at(job_id), self._task(what, job_id)
        count = _executables(task)
        if task["status"] == "FAILED":
            reason = task.get("failureReason") or "the service gives no reason"
            return [CircuitFailure(f"the task failed: {reason}", "FAILED")] * count
        bucket, folder = task["outputS3Bucket"], task["outputS3Directory"]
        where, text = f"s3://{bucket}/{folder}/results.json", None
        try:
            text = connection.read(what, bucket, f"{folder}/results.json")
            document = json.loads(text)
            # Large program sets are split into files, at a place that they name.
            bucket, folder = document.get("s3Location") or (bucket, folder)
            outcomes, sources = read_results(
                document,
                int(task["shots"]) // count,
                lambda path: connection.read(what, bucket, f"{folder}/{path}"),
            )
        except MISREAD as error:
            message = f"{what} got no usable answer: {type(error).__name__}: {error}"
            answer = None if text is None else text.encode()
            raise Unreadable(message, answer=answer, where=where) from error
        except ProviderError as error:
            if error.code not in _NOT_THERE:
                raise
            # The task is there, so this is about its results alone.
            raise Unreadable(str(error), code=error.code, where=where) from error
        self._sources[job_id] = tuple(sources)
        return outcomes

    def differences(self, job_id: str, job: Job) -> Sequence[str]:
        """How a task differs from what was sent: device, tag, circuits, shots, programs."""
        task = self._task(f"comparing task '{job_id}' with what was sent", job_id)
        found = []
        ran_on, tag = task.get("deviceArn"), (task.get("tags") or {}).get(TAG)
        if self._arn is not None and ran_on is not None and ran_on != self._arn:
            found.append(f"it ran on '{ran_on}', not '{self._arn}'")
        run = job.tag.rpartition("-")[0]
        if tag is not None and tag != job.tag and tag.rpartition("-")[0] != run:
            found.append(f"its tag is '{tag}', not '{job.tag}'")
        count, shots = _executables(task), sum(request.shots for request in job.requests)
        if count != len(job.requests):
            found.append(f"it has {count} circuits, not {len(job.requests)}")
        if int(task["shots"]) != shots:
            found.append(f"it has {task['shots']} shots, not {shots}")
        sources = self._sources.get(job_id, ())
        if len(sources) == len(job.requests) and not all(map(is_program_of, sources, job.requests)):
            found.append("it ran another program")
        return found

    def _task(self, what: str, job_id: str) -> Mapping[str, Any]:
        return self._at(job_id).task(what, job_id)

    def _at(self, job_id: str) -> Connection:
        """The account in the region of a task."""
        region = region_of(job_id) if job_id.startswith("arn:") else None
        if region is None or region == self._connection.region:
            return self._connection
        if region not in self._elsewhere:
            self._elsewhere[region] = Connection(region, self._options.profile)
        return self._elsewhere[region]

    def cancel(self, job_id: str) -> None:
        """Ask for a task to be cancelled; ProviderError with ConflictException if it has ended."""
        self._at(job_id).cancel(f"cancelling task '{job_id}'", job_id)

    def reason(self, job_id: str) -> str:
        """Why a task ended without results, in the service's words; empty if it gives none."""
        task = self._task(f"asking why task '{job_id}' ended", job_id)
        return str(task.get("failureReason") or "")

    # Money

    def forecast(self, requests: Sequence[Request]) -> Quote:
        """What one task of these circuits costs by the price list."""
        return self._bill.quote(sum(request.shots for request in requests))

    def usage(self, job_id: str) -> Usage:
        """What a task costs by the price list; failed and cancelled ones are not billed."""
        task = self._task(f"asking what task '{job_id}' cost", job_id)
        if task["status"] in ("FAILED", "CANCELLED"):
            return Usage()
        return self._bill.quote(int(task["shots"])).usage

    def terms(self) -> Terms:
        """Prices with their date, the queue, and what the prediction assumes."""
        return Terms(None, tuple(self._assumptions()))

    def _assumptions(self) -> Iterator[str]:
        yield self._bill.described
        waiting = [
            f"{q.get('queueSize')} in queue {q.get('queuePriority', q['queue'])}"
            for q in self._device.document.get("deviceQueueInfo") or ()
            if isinstance(q, Mapping) and q.get("queue") == "QUANTUM_TASKS_QUEUE"
        ]
        if waiting:
            yield f"tasks that wait at the device now: {', '.join(waiting)}"
        if self._snapshot is not None:
            yield (
                "predictions: fidelities and decay times as the device's capabilities state them"
                + (
                    ""
                    if self._capabilities.states_durations
                    else "; they state no durations, so pulses count as 40 ns, two-qubit gates as "
                    "80 ns and readouts as 2 µs"
                )
            )

    @cached_property
    def _bill(self) -> Bill:
        """What tasks cost; asked for once, when it is first needed."""
        with suppress(BackendError):
            self.require_device()
        return Bill.of(self._arn or "", self._opened.capabilities if self._opened else None)


def _executables(task: Mapping[str, Any]) -> int:
    """How many circuits a task has."""
    metadata = task.get("actionMetadata")
    count = metadata.get("executableCount") if isinstance(metadata, Mapping) else None
    return count if isinstance(count, int) and count > 0 else 1


def _unsent(tag: str, why: str, remedy: str = "") -> Refused:
    return Refused(f"the task with tag '{tag}' was not sent: {why}", remedy=remedy)


def _earliest(tag: str) -> datetime | None:
    """No task of a run is older than the run, whose id its tags begin with."""
    started = _STARTED.match(tag)
    if started is None:
        return None
    return datetime.strptime(started[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) - _CLOCKS_DIFFER


def open_braket(
    device: str,
    options: Mapping[str, Any],
    planned_with: DeviceSnapshot | None = None,
    clock: Callable[[], float] = time.time,
) -> BraketAdapter:
    """Open a device of Amazon Braket, in its own region.

    Args:
        device: its ARN, ``vendor/name``, or name.
        options: fields of :class:`BraketOptions`.
        planned_with: the calibration that a run was planned with; None for today's.
        clock: seconds since 1970.

    Raises:
        UnknownDevice: if there is no such device.
        UnusableDevice: if it is retired, or not one of gates.
        ProviderError: if an option is wrong, or the service cannot be asked.
    """
    try:
        wanted = BraketOptions.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        raise ProviderError(
            f"'backend.braket.{'.'.join(map(str, first['loc']))}' is wrong: {first['msg']}",
            remedy=f"the options are: {', '.join(BraketOptions.model_fields)}",
        ) from error
    if wanted.s3 is not None:
        Place.of(wanted.s3)
    arn: str | None = None
    try:
        arn = device_arn(device, wanted.region, wanted.profile)
    except BackendError:
        if planned_with is None:
            raise
    connection = Connection((region_of(arn) if arn else None) or wanted.region, wanted.profile)
    return BraketAdapter(arn, connection, wanted, planned_with, clock)
