"""What the service says of a job: of one that was sent, and of a submission that gave no id.

Nothing is asked of the job's device.

The client's own job objects reach for the device's configuration, which a retired device has no
more, and wait without an end for a job that has not ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from qiskit.primitives import BitArray, PrimitiveResult

from backends.adapter import (
    CircuitFailure,
    Declined,
    Doubtful,
    Job,
    JobState,
    ProviderError,
    RateLimited,
    Refused,
    Unavailable,
    Unreadable,
)
from backends.providers.ibm.circuits import REGISTER
from backends.providers.ibm.errors import (
    PLATFORM,
    asked,
    is_unanswered,
    shown,
    status_of,
    unauthorized,
)
from backends.providers.ibm.transport import Posted

PROGRAMS = ("executor", "sampler")
"""Programs of the service that give shots of circuits."""

_STATES: dict[str, JobState] = {
    "QUEUED": "queued",
    "RUNNING": "running",
    "COMPLETED": "done",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}
_RAN_TOO_LONG = 1305


def require_job(what: str, document: Any) -> Mapping[str, Any]:
    """The description of a job, if it is one.

    Raises:
        Unavailable: if it is something else.
    """
    if (
        isinstance(document, Mapping)
        and isinstance(document.get("state"), Mapping)
        and isinstance(document["state"].get("status"), str)
    ):
        return document
    raise Unavailable(
        f"{what} got no usable answer: {shown(repr(document))} is no job", remedy="ask again"
    )


def state_of(what: str, document: Mapping[str, Any]) -> JobState:
    """Where a job stands.

    Raises:
        Unavailable: if the service says something unknown.
    """
    status = document["state"]["status"].upper()
    if status.split(" ")[0] == "CANCELLED" and _code(document) == str(_RAN_TOO_LONG):
        return "failed"
    if status not in _STATES:
        raise Unavailable(f"{what}: unknown state '{shown(status)}'")
    return _STATES[status]


def reason_of(document: Mapping[str, Any], results: Callable[[], str]) -> str:
    """Why a job ended without results, in the service's words; empty if it gives none.

    Args:
        document: the job's description.
        results: fetches the job's results, which are its log where it failed.
    """
    reason = str(document["state"].get("reason") or "")
    code = _code(document)
    if not reason and document["state"]["status"].upper() == "FAILED":
        log = results()
        reason = log[max(0, log.rfind("Traceback")) :]
    return f"Error code {code}; {reason}" if code and reason else reason


def _code(document: Mapping[str, Any]) -> str:
    state = document["state"]
    return str(state.get("reason_code") or state.get("reasonCode") or "")


def shots_of(
    what: str, job_id: str, document: Mapping[str, Any], text: str
) -> list[BitArray | CircuitFailure]:
    """Shots of every circuit of a job.

    Args:
        what: the question in words.
        job_id: the job.
        document: its description.
        text: its results as they came.

    Raises:
        Unreadable: if they cannot be read.
    """
    from qiskit_ibm_runtime.decoders.defaults import DEFAULT_DECODERS

    program = program_of(document)
    try:
        result = reduce(
            lambda data, decoder: decoder.decode(data) if decoder.is_applicable(data) else data,
            DEFAULT_DECODERS.get(program, DEFAULT_DECODERS["sampler"]),
            text,
        )
    except Exception as error:
        # The client's decoders raise whatever the unexpected makes them stumble over.
        problem = f"{type(error).__name__}: {shown(error)}"
        raise unreadable(what, job_id, text, problem) from error
    if not isinstance(result, PrimitiveResult):
        problem = "it is empty" if not text.strip() else f"it is no result of a sampler: {text}"
        raise unreadable(what, job_id, text, problem)
    return [_shots(one.data) for one in result]


def unreadable(what: str, job_id: str, text: str | None, problem: str) -> Unreadable:
    """The error of results that are not there, or no results."""
    return Unreadable(
        f"{what} got no usable answer: {shown(problem)}",
        remedy="ask again",
        answer=None if text is None else text.encode(),
        where=f"{PLATFORM}/jobs/{job_id}",
    )


def _shots(data: Any) -> BitArray | CircuitFailure:
    shots = getattr(data, REGISTER, None)
    if not isinstance(shots, BitArray):
        return CircuitFailure(f"the result has no register '{REGISTER}': {shown(data)}")
    return shots.reshape(()) if shots.shape else shots


def program_of(document: Mapping[str, Any]) -> str:
    """Name of the service's program that a job ran; empty if the service does not say."""
    program = document.get("program")
    return str(program.get("id") or "") if isinstance(program, Mapping) else ""


# Whether it is the job that was sent


def differences(
    document: Mapping[str, Any], job: Job, device: str, params: Callable[[], Any]
) -> list[str]:
    """How a job differs from what was sent, in words.

    Args:
        document: its description.
        job: what was sent.
        device: name of the device that it was sent to.
        params: fetches what the job was made of.
    """
    found = []
    program, ran_on = program_of(document), document.get("backend")
    if program and program not in PROGRAMS:
        found.append(f"it ran the service's program '{shown(program)}'")
    if isinstance(ran_on, str) and ran_on != device:
        found.append(f"it ran on '{shown(ran_on)}', not '{device}'")
    tags = document.get("tags")
    if isinstance(tags, Sequence) and not isinstance(tags, str) and job.tag not in tags:
        run = job.tag.rpartition("-")[0]
        if not any(str(tag).rpartition("-")[0] == run for tag in tags):
            found.append(f"its tags are {shown(list(tags))}, not '{job.tag}'")
        else:
            # Of the same run, as where the store was made anew: its content decides.
            found += _content_differences(params(), job)
    return found


def _content_differences(params: Any, job: Job) -> list[str]:
    if not isinstance(params, Mapping):
        return []
    sent = params.get("pubs")
    if isinstance(program := params.get("quantum_program"), Mapping):
        sent = program.get("items")
    if not isinstance(sent, Sequence) or len(sent) == len(job.requests):
        return []
    return [f"it has {len(sent)} circuits, not {len(job.requests)}"]


# What became of a submission that gave no id: only the wire knows, the client's errors do not

_MAY_HAVE_BEEN_DONE = (408, 499)
"""Refusals that come from a machine on the way, which does not know."""


def unsent(tag: str, posted: Posted | None, error: Exception) -> ProviderError:
    """What a submission that gave no id means.

    Args:
        tag: of the job.
        posted: what the wire saw of the call that pays; None if it was not made.
        error: what the client raised.
    """
    what = f"submitting the job with tag '{tag}'"
    if posted is None:
        if is_unanswered(error) or status_of(error):
            return before_it(tag, asked(what, error))
        return Refused(
            f"job '{tag}' was not sent, IBM's client refuses it: {shown(error)}",
            remedy="change the options that it objects to",
        )
    status, detail = posted.status, shown(posted.message or error)
    code = posted.code or str(status or "")
    if status == 429:
        return Declined(
            f"{what} was refused because there were too many calls: {detail}",
            code=code,
            remedy="send it again later",
            again=True,
            retry_after_seconds=posted.retry_after_seconds,
        )
    if status in (401, 403):
        denied = unauthorized(what, status, detail)
        return Declined(str(denied), code=denied.code, remedy=denied.remedy)
    if status is not None and 400 <= status < 500 and status not in _MAY_HAVE_BEEN_DONE:
        return Declined(
            f"{what} was refused: HTTP {status}: {detail}",
            code=code,
            remedy="mend what the service objects to, then 'enclone resume'",
        )
    said = f"HTTP {status}: {detail}" if status else detail
    return Doubtful(
        f"{what} got no usable answer: {said}",
        code=code,
        remedy="the job may have been made: look for its tag before sending it again",
    )


def before_it(tag: str, error: ProviderError) -> ProviderError:
    """A question before the call that pays failed: nothing was made."""
    message = f"job '{tag}' was not sent: {error}"
    if isinstance(error, Unavailable | RateLimited):
        return RateLimited(
            message,
            code=error.code,
            remedy="send it again later",
            retry_after_seconds=getattr(error, "retry_after_seconds", None),
        )
    return Refused(message, code=error.code, remedy=error.remedy)
