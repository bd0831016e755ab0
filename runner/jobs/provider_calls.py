"""Calls of a provider, with every answer checked before it is used.

An adapter that breaks its contract, whoever wrote it, costs no job and ends no command: what it
raises or returns against the contract becomes an error of the contract.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, get_args

from qiskit.primitives import BitArray

from backends.adapter import (
    Adapter,
    CircuitFailure,
    Compares,
    Doubtful,
    Explains,
    Job,
    JobState,
    NeedsDevice,
    ProviderError,
    Unavailable,
    UnknownJob,
    Unreadable,
    Usage,
)
from backends.errors import BackendError
from runner.errors import printable

_STATES = get_args(JobState)


class ProviderCalls:
    """The calls of an adapter that the job manager makes.

    Args:
        adapter: the open connection to the device.
    """

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter

    def require_device(self) -> None:
        """Reach for the device, where the adapter follows jobs without it.

        Raises:
            BackendError: if it cannot be had.
        """
        if isinstance(self._adapter, NeedsDevice):
            with self._checked("reaching for the device"):
                self._adapter.require_device()

    def submit(self, job: Job) -> str:
        """Send a job; return the provider's id of it.

        Raises:
            Refused: no job was made.
            Doubtful: a job may have been made.
        """
        what = f"submitting the job with tag '{job.tag}'"
        with self._checked(what, Doubtful):
            job_id = self._adapter.submit(job)
        if not isinstance(job_id, str) or not job_id:
            raise Doubtful(f"{what} got no usable answer: its id is {printable(repr(job_id))}")
        return job_id

    def find(self, tag: str) -> list[str]:
        """Ids of all jobs that bear a tag, oldest first."""
        what = f"listing the jobs with tag '{tag}'"
        with self._checked(what):
            try:
                found = self._adapter.find(tag)
            except UnknownJob as error:
                # A listing that is missing says nothing about a job.
                raise Unavailable(str(error), code=error.code, remedy=error.remedy) from error
            return [_text(job_id) for job_id in found]

    def state(self, job_id: str) -> JobState:
        """Where a job stands."""
        what = f"asking where job '{job_id}' stands"
        with self._checked(what):
            state = self._adapter.state(job_id)
        if state not in _STATES:
            raise Unavailable(f"{what} got no usable answer: {printable(repr(state))}")
        return state

    def results(self, job_id: str) -> list[BitArray | CircuitFailure]:
        """Shots of every circuit of a finished job.

        Raises:
            Unreadable: if they cannot be read.
        """
        what = f"fetching the results of job '{job_id}'"
        with self._checked(what, Unreadable):
            results: Sequence[Any] = list(self._adapter.results(job_id))
        for one in results:
            if not isinstance(one, BitArray | CircuitFailure):
                raise Unreadable(f"{what}: one is {printable(repr(one))}, no shots and no failure")
        return list(results)

    def usage(self, job_id: str) -> Usage:
        """What a finished job cost."""
        what = f"asking what job '{job_id}' cost"
        with self._checked(what):
            usage = self._adapter.usage(job_id)
            amounts = (usage.qpu_seconds, usage.usd)
            if not all(math.isfinite(amount) and amount >= 0 for amount in amounts):
                raise Unavailable(f"{what} got no usable answer: {usage}")
        return usage

    def cancel(self, job_id: str) -> None:
        """Ask for a job to be cancelled."""
        with self._checked(f"cancelling job '{job_id}'"):
            self._adapter.cancel(job_id)

    def reason(self, job_id: str) -> str:
        """Why a job ended without results; empty if the provider gives no reason."""
        if not isinstance(self._adapter, Explains):
            return ""
        with self._checked(f"asking why job '{job_id}' ended"):
            return printable(str(self._adapter.reason(job_id)))

    def differences(self, job_id: str, job: Callable[[], Job]) -> list[str]:
        """How a job at the provider differs from what was sent, as far as the provider tells.

        Args:
            job_id: the provider's id.
            job: makes what was sent.
        """
        if not isinstance(self._adapter, Compares):
            return []
        with self._checked(f"comparing job '{job_id}' with what was sent"):
            return [printable(str(one)) for one in self._adapter.differences(job_id, job())]

    @contextmanager
    def _checked(self, what: str, otherwise: type[ProviderError] = Unavailable) -> Iterator[None]:
        try:
            yield
        except BackendError:
            raise
        except Exception as error:
            text = printable(f"{type(error).__name__}: {error}")
            raise otherwise(
                f"{what} got no usable answer: provider '{self._adapter.provider}' cannot read "
                f"it: {text}",
                remedy="if this goes on, report it with the output of 'enclone --debug'",
            ) from error


def _text(job_id: object) -> str:
    if not isinstance(job_id, str) or not job_id:
        raise TypeError(f"a job id is {job_id!r}")
    return job_id
