"""The wire under the client: the call that pays goes out once.

The client repeats a POST that was answered with a 5xx, though the job may have been made: one call
then becomes several paid jobs. Its sessions get another adapter here, which repeats questions only
and remembers what became of each submission: the client's own exceptions forget the status.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from urllib3.util.retry import Retry

from backends.adapter import ProviderError

if TYPE_CHECKING:
    from qiskit_ibm_runtime import QiskitRuntimeService
    from qiskit_ibm_runtime.api.client import RuntimeClient

QUESTIONS = frozenset({"GET", "HEAD"})
"""Repeating them is safe: they change nothing."""

ANSWER_SECONDS = 300.0
"""A question that is not answered for so long is given up; the client would wait for ever."""

_RETRIES = 2
_BACKOFF_SECONDS = 0.2
_UNSURE = (500, 502, 503, 504, 520, 521, 522, 524)


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of one submission on the wire.

    Attributes:
        status: HTTP status of the answer; None if there was none.
        retry_after_seconds: how long the service asks to wait; None where it does not say.
        message: the service's words.
        code: the service's own code; empty where it has none.
    """

    status: int | None = None
    retry_after_seconds: float | None = None
    message: str = ""
    code: str = ""


class Wire(HTTPAdapter):
    """Repeats questions, sends everything else once, remembers submissions.

    Attributes:
        posted: the submission that was sent last; None if none was.
        asked: the last answer to anything.
        is_cut: whether nothing more may be sent: a call was left behind that took too long.
    """

    def __init__(self) -> None:
        self.is_cut = False
        self._lock = threading.Lock()
        self.posted: Posted | None = None
        self.asked: Posted | None = None
        # Retries of connections that never opened repeat nothing that reached the service.
        super().__init__(
            max_retries=Retry(
                total=_RETRIES,
                backoff_factor=_BACKOFF_SECONDS,
                allowed_methods=QUESTIONS,
                status_forcelist=_UNSURE,
                respect_retry_after_header=False,
                raise_on_status=False,
            )
        )

    def cut(self) -> None:
        """Let nothing more be sent by what was left behind."""
        with self._lock:
            self.is_cut = True

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send one request."""
        paying = request.method == "POST" and urlsplit(request.url or "").path.endswith("/jobs")
        connecting, answering = _timeouts(kwargs.get("timeout"))
        kwargs["timeout"] = (connecting, answering or ANSWER_SECONDS)
        with self._lock:
            if self.is_cut:
                raise RequestsConnectionError("the call was given up before this was sent")
            self.asked = None
            if paying:
                self.posted = Posted()
        response = super().send(request, *args, **kwargs)
        if not kwargs.get("stream"):
            _ = response.content
        self.asked = _answer(response)
        if paying:
            self.posted = self.asked
        return response


def _timeouts(timeout: Any) -> tuple[float | None, float | None]:
    """Seconds for connecting and for the answer, in either form that requests takes."""
    if isinstance(timeout, tuple):
        return timeout
    return timeout, timeout


def _answer(response: Response) -> Posted:
    message, code = "", ""
    if response.status_code >= 400:
        try:
            error = response.json()["error"]
            message, code = str(error["message"]), str(error["code"])
        except (ValueError, KeyError, TypeError):
            message = response.reason or ""
    return Posted(response.status_code, _seconds(response.headers), message, code)


def _seconds(headers: Mapping[str, str]) -> float | None:
    try:
        seconds = float(headers["Retry-After"])
    except (KeyError, ValueError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def mount(service: QiskitRuntimeService, wire: Wire) -> None:
    """Put the wire under every connection of a service, before anything is sent.

    Raises:
        ProviderError: if this version of the client hides its connections: then nothing may be
            sent, for a call might be repeated.
    """
    try:
        sessions = [client._session for client in _clients(service)]
        for session in sessions:
            for prefix in ("http://", "https://"):
                session.mount(prefix, wire)
        foreign = [a for s in sessions for a in s.adapters.values() if a is not wire]
    except AttributeError as error:
        raise _uncontrolled(str(error)) from error
    if foreign:
        raise _uncontrolled(type(foreign[0]).__name__)


def _uncontrolled(detail: str) -> ProviderError:
    return ProviderError(
        "this version of qiskit-ibm-runtime cannot be kept from repeating the call that pays "
        f"({detail})",
        remedy="install the version that enclone was tested with: make setup",
    )


def client_of(service: QiskitRuntimeService, instance: str | None = None) -> RuntimeClient:
    """The connection to an instance, or the active one."""
    return service._get_api_client(instance)


def _clients(service: QiskitRuntimeService) -> Iterator[RuntimeClient]:
    """All connections of a service. The client has no public way to them."""
    yield service._active_api_client
    yield from service._api_clients.values()
