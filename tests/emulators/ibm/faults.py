"""What goes wrong by script, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Call = Literal[
    "token",
    "search",
    "backends",
    "configuration",
    "properties",
    "status",
    "usage",
    "submit",
    "list",
    "job",
    "results",
    "metrics",
    "cancel",
    "session",
]
Kind = Literal[
    "accepted_500",
    "accepted_502",
    "accepted_dropped",
    "accepted_without_backend",
    "accepted_truncated",
    "accepted_malformed",
    "accepted_hangs",
    "accepted_drips",
    "accepted_refused",
    "answered",
    "dropped",
    "unavailable_503",
    "rate_limited",
    "refused",
    "unauthorized",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        call: which calls.
        kind: what happens; with ``accepted…`` after the service did what it was asked.
        first: the first call of that name, counted from 1, to fail.
        times: how many fail from there on.
        status: of ``refused`` and ``accepted_refused``.
        retry_after_seconds: of ``rate_limited``, or the text of the header; None names no time.
        body: of ``answered``: what stands in place of the answer.
    """

    call: Call
    kind: Kind
    first: int = 1
    times: int = 1
    status: int = 400
    retry_after_seconds: int | str | None = None
    body: str = ""
