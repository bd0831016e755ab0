"""The rehearsal cloud behind the adapter contract.

Nothing that comes over the wire is believed before it is checked: an answer that cannot be read
is treated as no answer.
"""

from __future__ import annotations

import base64
import math
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import (
    CircuitFailure,
    Declined,
    Doubtful,
    Job,
    JobState,
    Limits,
    ProviderError,
    Quote,
    RateLimited,
    Refused,
    Request,
    Terms,
    Unavailable,
    UnknownJob,
    Unreadable,
    Usage,
)
from backends.devices.catalog import as_snapshot
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.providers.rehearsal.cloud import Cloud
from backends.providers.rehearsal.messages import HttpError, SentCircuit, TransportError, pack
from backends.providers.rehearsal.settings import FAULT_SCRIPT, SETTINGS, Call, CloudSettings
from backends.providers.rehearsal.transport import Transport
from backends.simulation.noise import build_noisy_circuit
from experiments.stabilizer.clifford import NotClifford, steps

_ABOUT: dict[Call, str] = {
    "state": "asking where job '{}' stands",
    "results": "fetching the results of job '{}'",
    "usage": "asking what job '{}' cost",
    "cancel": "cancelling job '{}'",
}
_Name = Annotated[str, Field(min_length=1)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class _IdAnswer(_Answer):
    id: _Name


class _JobAnswer(_IdAnswer):
    tag: str
    status: JobState


class _UsageAnswer(_IdAnswer):
    qpu_seconds: _Amount
    usd: _Amount


class _ListAnswer(_Answer):
    jobs: list[_JobAnswer]


class _Failed(_Answer):
    failure: CircuitFailure


class _Sampled(_Answer):
    bits: Annotated[int, Field(ge=1)]
    shots: Annotated[int, Field(ge=1)]
    data: str

    def bit_array(self) -> BitArray:
        """The shots; ValueError if the data are not as many as stated."""
        width = math.ceil(self.bits / 8)
        flat = np.frombuffer(base64.b64decode(self.data, validate=True), dtype=np.uint8)
        return BitArray(flat.reshape(self.shots, width).copy(), self.bits)


class _ResultsAnswer(_IdAnswer):
    circuits: list[_Sampled | _Failed]


_A = TypeVar("_A", bound=_Answer)
_I = TypeVar("_I", bound=_IdAnswer)


class RehearsalAdapter:
    """A device of a rehearsal cloud.

    Args:
        device: the device; None for a perfect one.
        cloud: the cloud.
        transport: the way to it.
        clock: time in seconds, the same for all processes.
        sleep: passes a number of seconds.
    """

    def __init__(
        self,
        device: DeviceSnapshot | None,
        cloud: Cloud,
        transport: Transport,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.provider = "rehearsal"
        self.ephemeral = False
        self._device = device
        self._cloud = cloud
        self._settings = cloud.settings
        self._transport = transport
        self._clock, self._sleep = clock, sleep

    def for_run(self, options: Mapping[str, Any]) -> RehearsalAdapter:
        """The same device, on the cloud of a run that has sent no jobs yet."""
        return _opened(self._device, {**options, "used": False}, self._clock, self._sleep)

    def snapshot(self) -> DeviceSnapshot | None:
        """The simulated device."""
        return self._device

    def limits(self) -> Limits:
        """What the cloud's settings say."""
        return Limits(
            circuits_per_job=self._settings.circuits_per_job,
            shots_per_circuit=self._settings.shots_per_job,
            shots_per_job=self._settings.shots_per_job,
            listing_lag_seconds=self._settings.listing_lag_seconds,
            poll_seconds=self._settings.poll_seconds,
        )

    def submit(self, job: Job) -> str:
        """Send a job, if the cloud can simulate it."""
        if problem := self._cloud.misfit([request.shots for request in job.requests]):
            raise Refused(
                f"job '{job.tag}' was not sent: {problem}",
                code="400",
                remedy="share its circuits and shots out among several jobs",
            )
        sent = []
        for request in job.requests:
            self._check(request.circuit)
            sent.append(SentCircuit(pack(request.circuit), request.shots, request.seed))
        try:
            device = self._cloud.add_device(self._device)
        except sqlite3.Error as error:
            raise Refused(
                f"job '{job.tag}' was not sent: the cloud's own memory failed: {error}",
                remedy="mend what its file lacks, then send the job again",
            ) from error
        payload = {
            "tag": job.tag,
            "token": job.token,
            "device": device,
            "circuits": [asdict(circuit) for circuit in sent],
        }
        what = f"submitting the job with tag '{job.tag}'"
        answer = self._call(_JobAnswer, "submit", payload, what)
        if answer.tag != job.tag:
            raise _no_answer("submit", what, f"it speaks of a job with tag '{answer.tag}'")
        return answer.id

    def _check(self, circuit: QuantumCircuit) -> None:
        try:
            record_of = build_noisy_circuit(tuple(steps(circuit)), self._device).record_of
        except (NotClifford, DoesNotFit) as error:
            raise Refused(
                f"circuit '{circuit.name}' was not sent, the rehearsal cannot simulate it: {error}",
                remedy="send Clifford circuits that are compiled for the device",
            ) from error
        if not circuit.num_clbits or len(record_of) < circuit.num_clbits:
            raise Refused(
                f"circuit '{circuit.name}' was not sent: it measures {len(record_of)} of its "
                f"{circuit.num_clbits} classical bits",
                remedy="measure into every classical bit, and have at least one",
            )

    def find(self, tag: str) -> Sequence[str]:
        """Ids of all jobs that bear the tag, in the order in which the cloud made them."""
        what = f"listing the jobs with tag '{tag}'"
        jobs = self._call(_ListAnswer, "find", {"tag": tag}, what).jobs
        if any(job.tag != tag for job in jobs):
            raise _no_answer("find", what, "it lists jobs with other tags")
        return [job.id for job in jobs]

    def state(self, job_id: str) -> JobState:
        """Where a job stands."""
        return self._ask(_JobAnswer, "state", job_id).status

    def results(self, job_id: str) -> Sequence[BitArray | CircuitFailure]:
        """Shots of every circuit of a finished job."""
        answer = self._ask(_ResultsAnswer, "results", job_id)
        try:
            return [
                one.failure if isinstance(one, _Failed) else one.bit_array()
                for one in answer.circuits
            ]
        except ValueError as error:
            raise _misread("results", _ABOUT["results"].format(job_id), str(error)) from error

    def differences(self, job_id: str, job: Job) -> Sequence[str]:
        """How a job differs from what was sent, by its tag."""
        tag = self._ask(_JobAnswer, "state", job_id).tag
        same_run = tag.rpartition("-")[0] == job.tag.rpartition("-")[0]
        return [] if same_run else [f"its tag is '{tag}', not '{job.tag}'"]

    def forecast(self, requests: Sequence[Request]) -> Quote:
        """What one job of these circuits costs by the cloud's price list."""
        prices, shots = self._settings, sum(request.shots for request in requests)
        return Quote(
            prices.qpu_seconds_per_shot * shots, prices.usd_per_job, prices.usd_per_shot * shots
        )

    def terms(self) -> Terms:
        """The cloud's price list and queue."""
        prices = self._settings
        return Terms(
            prices.queue_seconds,
            (
                "provider 'rehearsal' is a simulated cloud: its bill is play money",
                f"QPU time: {prices.qpu_seconds_per_shot:g} s a shot, by the cloud's settings",
                f"money: {prices.usd_per_job:g} USD a job and {prices.usd_per_shot:g} USD a shot, "
                "by the cloud's settings; a circuit that is sent again is paid again unless the "
                "cloud says that it did not run",
                f"queue: {prices.queue_seconds:g} s for every job, by the cloud's settings; real "
                "queues tell less",
            ),
        )

    def usage(self, job_id: str) -> Usage:
        """What a job cost."""
        answer = self._ask(_UsageAnswer, "usage", job_id)
        return Usage(answer.qpu_seconds, answer.usd)

    def cancel(self, job_id: str) -> None:
        """Cancel a job that waits; ProviderError with code 409 if it has begun."""
        self._ask(_JobAnswer, "cancel", job_id)

    def _ask(self, shape: type[_I], call: Call, job_id: str) -> _I:
        what = _ABOUT[call].format(job_id)
        answer = self._call(shape, call, {"id": job_id}, what)
        if answer.id != job_id:
            raise _no_answer(call, what, f"it speaks of job '{answer.id}'")
        return answer

    def _call(self, shape: type[_A], call: Call, payload: Mapping[str, Any], what: str) -> _A:
        try:
            return shape.model_validate_json(self._transport.call(call, payload))
        except HttpError as error:
            raise _refusal(call, what, error) from error
        except TransportError as error:
            raise _no_answer(call, what, str(error)) from error
        except ValidationError as error:
            raise _misread(call, what, _first(error)) from error


def _refusal(call: Call, what: str, error: HttpError) -> ProviderError:
    """What an HTTP error means; a submission that was refused may have been taken all the same."""
    code = str(error.status)
    if error.status == 429:
        wait = error.retry_after_seconds
        message = f"{what} was refused because there were too many calls: {error}"
        remedy = "call again later" if wait is None else f"call again after {wait:g} s"
        if call == "submit":
            return Declined(message, code=code, remedy=remedy, again=True, retry_after_seconds=wait)
        return RateLimited(message, remedy=remedy, retry_after_seconds=wait)
    if not 400 <= error.status < 500:
        return _no_answer(call, what, str(error), code)
    message = f"{what} was refused: {error}"
    if call == "submit":
        remedy = "change what the cloud objects to, then send the job again"
        return Declined(message, code=code, remedy=remedy)
    if error.status == 404 and call != "find":
        remedy = "check the id, and that this is the cloud that made the job"
        return UnknownJob(message, code=code, remedy=remedy)
    if error.status == 409:
        return ProviderError(message, code=code, remedy="ask where the job stands")
    return ProviderError(message, code=code, remedy="check your access to the cloud")


def _no_answer(call: Call, what: str, why: str, code: str = "") -> ProviderError:
    message = f"{what} got no usable answer: {why}"
    if call == "submit":
        remedy = "the job may have been made: look for its tag before sending it again"
        return Doubtful(message, code=code, remedy=remedy)
    return Unavailable(message, code=code, remedy="ask again: asking twice does no harm")


def _misread(call: Call, what: str, why: str) -> ProviderError:
    """The error of an answer that came and is none."""
    if call != "results":
        return _no_answer(call, what, why)
    message = f"{what} got no usable answer: {why}"
    return Unreadable(message, remedy="ask again: asking twice does no harm")


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"


def open_rehearsal(
    device: str | DeviceSnapshot,
    options: Mapping[str, Any],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> RehearsalAdapter:
    """Open a device of a rehearsal cloud, which is made if there is none.

    Args:
        device: a snapshot, its name or file, or ``ideal`` for a perfect device.
        options: ``cloud``, the path of the cloud's file (default ``rehearsal.sqlite``);
            ``used``, for a run that has begun: whether it has sent jobs, so that the file has to
            be there. If not it is made now: once a job is noted as sent it would be missed;
            ``faults``, a list of :class:`.settings.Fault` as mappings; any
            field of :class:`~backends.providers.rehearsal.settings.CloudSettings`.
        clock: time in seconds, the same for all processes.
        sleep: passes a number of seconds.

    Raises:
        UnknownDevice: if there is no such device.
        ProviderError: if an option is wrong, or the file cannot be used or was made otherwise.
    """
    return _opened(as_snapshot(device), options, clock, sleep)


def _opened(
    snapshot: DeviceSnapshot | None,
    options: Mapping[str, Any],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> RehearsalAdapter:
    wanted = dict(options)
    path = Path(wanted.pop("cloud", "rehearsal.sqlite"))
    used = wanted.pop("used", None)
    if used and not path.exists():
        raise ProviderError(
            f"the rehearsal cloud's file '{path}', which has jobs of this run, is gone",
            remedy="put it back: without it nobody knows what became of them",
        )
    try:
        script = FAULT_SCRIPT.validate_python({"faults": wanted.pop("faults", ())})
        settings = SETTINGS.validate_python(wanted) if wanted else None
    except ValidationError as error:
        names = ", ".join(["cloud", "faults", *(one.name for one in fields(CloudSettings))])
        raise ProviderError(
            f"an option of the rehearsal cloud is wrong: {_first(error)}",
            remedy=f"the options are: {names}",
        ) from error
    cloud = Cloud(path, clock, settings)
    if used is not None:
        cloud.make()
    return RehearsalAdapter(snapshot, cloud, Transport(cloud, script, clock, sleep), clock, sleep)
