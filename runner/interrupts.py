"""Ctrl-C that is never lost, and never interrupts a library that cannot handle it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN_SECONDS = 0.01
_PATIENCE_SECONDS = 2.0
"""Longest delay of an interrupt. Transactions take milliseconds, unless a database hangs."""
_FINISHING = {"alembic", "sqlalchemy"}
"""Packages that are not interrupted. At some lines SQLAlchemy takes the exception for an error of
its own and ends in an AssertionError, or logs a traceback."""


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Within the block, repeat an interrupt that comes at a bad moment a little later.

    Bad moments are those in which Python prints and drops exceptions, as during garbage collection,
    and those in which a package of ``_FINISHING`` runs. Where the handler is not Python's default,
    as in the background of a shell, it is not changed.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    before, main = sys.unraisablehook, threading.get_ident()
    ended = threading.Event()
    waits_since_seconds: float | None = None

    def send_again() -> None:
        if not ended.wait(_AGAIN_SECONDS):
            # To the main thread itself: if it waits, only a signal wakes it up.
            signal.pthread_kill(main, signal.SIGINT)

    def interrupt(_: int, frame: FrameType | None) -> None:
        nonlocal waits_since_seconds
        now_seconds = time.monotonic()
        if waits_since_seconds is None:
            waits_since_seconds = now_seconds
        if _is_finishing(frame) and now_seconds - waits_since_seconds < _PATIENCE_SECONDS:
            threading.Thread(target=send_again, daemon=True).start()
            return
        waits_since_seconds = None
        raise KeyboardInterrupt

    def hook(ignored: sys.UnraisableHookArgs) -> None:
        if issubclass(ignored.exc_type, KeyboardInterrupt):
            # Sent again, since exceptions raised in this function are ignored as well.
            threading.Thread(target=send_again, daemon=True).start()
        else:
            before(ignored)

    sys.unraisablehook = hook
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        ended.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = before


def _is_finishing(frame: FrameType | None) -> bool:
    """Whether a package that must not be interrupted is on the stack of a frame."""
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] in _FINISHING:
            return True
        frame = frame.f_back
    return False
