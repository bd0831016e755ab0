"""What became of a submission that gave no id: only the wire knows, the client's errors do not."""

from __future__ import annotations

from backends.adapter import Declined, Doubtful, ProviderError, RateLimited, Refused, Unavailable
from backends.providers.ibm.errors import asked, is_unanswered, shown, status_of, unauthorized
from backends.providers.ibm.transport import Posted

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
