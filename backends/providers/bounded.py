"""A bound on every call of a service as a whole, however slowly its answer drips in.

Timeouts of clients bound the silence between two bytes. An answer of a byte a second keeps them
waiting for ever.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from typing import TypeVar

from backends.adapter import Unusable

VARIABLE = "ENCLONE_ANSWER_SECONDS"
"""Environment variable that sets the bound."""

_USUAL_SECONDS = 300.0
_T = TypeVar("_T")


class TooSlow(TimeoutError):
    """No complete answer came in time; whether the call had its effect is unknown."""


def answer_seconds() -> float:
    """How long one call of a service may take; 300 s unless ``ENCLONE_ANSWER_SECONDS`` says else.

    Raises:
        Unusable: if the variable is no positive number.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return _USUAL_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise Unusable(
            f"{VARIABLE} is '{text}', but must be a positive number of seconds",
            remedy=f"set {VARIABLE} to a number such as {_USUAL_SECONDS:g}, or unset it",
        )
    return min(seconds, threading.TIMEOUT_MAX)


def within_bound(
    call: Callable[[], _T], on_late: Callable[[], object], most_seconds: float = math.inf
) -> _T:
    """The result of a call that may take so long; what it raises is raised.

    The call runs in a thread, which is left behind when it is late.

    Args:
        call: asks the service.
        on_late: makes sure that what is left behind sends nothing more.
        most_seconds: bound of calls that are always short.

    Raises:
        TooSlow: if it takes longer.
        Unusable: if the bound that the environment sets is none.
    """
    seconds = min(answer_seconds(), most_seconds)
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="enclone-call")
    thread.start()
    thread.join(seconds)
    if results:
        return results[0]
    if errors:
        raise errors[0]
    on_late()
    raise TooSlow(f"no complete answer within {seconds:g} s ({VARIABLE} sets how long to wait)")
