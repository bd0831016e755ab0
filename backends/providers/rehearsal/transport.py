"""The way from adapter to cloud, and every way in which it breaks.

Plays the part of HTTP and of a vendor's client together, so an answer may be lost, garbled or,
worse, follow requests that the client repeated on its own.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from backends.adapter import CircuitFailure
from backends.providers.rehearsal.cloud import Cloud
from backends.providers.rehearsal.messages import (
    CloudJob,
    ConnectionDropped,
    HttpError,
    SentCircuit,
    TransportTimeout,
)
from backends.providers.rehearsal.settings import Call, Fault, FaultScript

_SKEW_SECONDS = 3 * 3600.0


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
