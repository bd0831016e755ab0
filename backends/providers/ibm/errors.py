"""What the client's exceptions mean, in one line and with a remedy; never a token."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests.exceptions import RequestException

from backends.adapter import ProviderError, RateLimited, Unavailable, UnknownJob, Unusable

PLATFORM = "https://quantum.cloud.ibm.com"
SAVE_ACCOUNT = (
    'python -c "from getpass import getpass; from qiskit_ibm_runtime import '
    "QiskitRuntimeService as S; S.save_account(token=getpass('API key: '), "
    "instance=input('Instance CRN: '), set_as_default=True, overwrite=True)\""
)
"""Asks for the key instead of taking it as an argument, which a shell would remember."""

_LONGEST = 300
_secrets: set[str] = set()


class NotConnected(Unusable):
    """The service cannot be used as things are set up.

    Attributes:
        subject: what is wrong: ``account``, ``token``, ``instance``, ``device`` or ``service``.
    """

    def __init__(self, message: str, *, subject: str, code: str = "", remedy: str = "") -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.subject = subject


def keep_secret(secret: str | None) -> None:
    """Remember a text that must never be shown."""
    if secret:
        _secrets.add(secret)


def shown(text: object) -> str:
    """A text of the client as one line of bearable length, without secrets."""
    line = " ".join(str(text).split())
    for secret in sorted({*_secrets, os.environ.get("QISKIT_IBM_TOKEN", "")}, key=len)[::-1]:
        if secret:
            line = line.replace(secret, "***")
    line = re.sub(r"(?i)\b(bearer|apikey)[ =:]+\S+", r"\1 ***", line)
    line = re.sub(r"<[^<>]+>", " ", line).strip()
    if len(line) > 1 and line[0] == line[-1] and line[0] in "'\"":
        line = line[1:-1].strip()
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 2]} …"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the client from writing to the terminal: what matters is said by the adapter."""
    logger = logging.getLogger("qiskit_ibm_runtime")
    before = logger.level
    if "QISKIT_IBM_RUNTIME_LOG_LEVEL" not in os.environ:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def asked(
    what: str,
    error: Exception,
    retry_after_seconds: float | None = None,
    *,
    of_a_job: bool = False,
) -> ProviderError:
    """What a question that failed means; it had no effect in any case.

    Args:
        what: the question in words.
        error: what the client raised.
        retry_after_seconds: how long the service asks to wait; None where it does not say.
        of_a_job: whether the question was about one job, so that 404 says that there is none.
    """
    if isinstance(error, ProviderError):
        return error
    status = status_of(error)
    code = str(status) if status else ""
    detail = shown(error)
    if status == 404 and of_a_job:
        return UnknownJob(
            f"{what}: the service knows no such job: {detail}",
            code=code,
            remedy="check the id, and that this is the account and instance that made the job",
        )
    if status == 429:
        return RateLimited(
            f"{what} was refused because there were too many calls: {detail}",
            remedy="ask again later",
            retry_after_seconds=retry_after_seconds,
        )
    if status in (401, 403):
        return unauthorized(what, status, detail)
    if status == 409:
        return ProviderError(
            f"{what} was refused: {detail}", code=code, remedy="ask where the job stands"
        )
    return Unavailable(
        f"{what} got no usable answer: {detail}",
        code=code,
        remedy="ask again: asking twice does no harm",
    )


def unauthorized(what: str, status: int, detail: str = "") -> NotConnected:
    """The service does not let this account do it.

    Args:
        what: the question in words.
        status: 401 or 403.
        detail: the service's own words; empty if it has none.
    """
    said = f"HTTP {status}: {detail}" if detail else f"HTTP {status}"
    if status == 401:
        return NotConnected(
            f"{what} was refused: the service does not accept the API key ({said})",
            subject="token",
            code="401",
            remedy=f"make a new key on {PLATFORM}, then save it: {SAVE_ACCOUNT}",
        )
    return NotConnected(
        f"{what} was refused: the account may not do this in this service instance ({said})",
        subject="instance",
        code="403",
        remedy="if the reason is the instance, set backend.ibm.instance or QISKIT_IBM_INSTANCE to "
        "one that 'enclone doctor' shows",
    )


def causes(error: BaseException | None) -> list[BaseException]:
    """An exception and what led to it, newest first."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def is_unanswered(error: BaseException) -> bool:
    """Whether an exception of the client is about the network, not about what was asked."""
    return any(isinstance(one, RequestException | OSError) for one in causes(error))


def status_of(error: BaseException | None) -> int | None:
    """The HTTP status behind an exception of the client, wherever it kept it."""
    from qiskit_ibm_runtime.exceptions import IBMNotAuthorizedError, RuntimeJobNotFound

    for one in causes(error):
        if isinstance(one, IBMNotAuthorizedError):
            return 401
        if isinstance(one, RuntimeJobNotFound):
            return 404
        for name in ("status_code", "code"):
            status: Any = getattr(one, name, None)
            if isinstance(status, int) and 400 <= status < 600:
                return status
        status = getattr(getattr(one, "response", None), "status_code", None)
        if isinstance(status, int) and status >= 400:
            return status
        if found := re.search(r"\b([45]\d\d) (?:Client|Server) Error", str(one)):
            return int(found.group(1))
    return None
