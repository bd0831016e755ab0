"""Ctrl-C that is never lost, and never comes while a library cannot bear it."""

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
"""A transaction is over in milliseconds; a database that does not answer must not hold one up."""
_FINISHING = {"alembic", "sqlalchemy"}
"""Packages that may finish first. Interrupted at the wrong line, SQLAlchemy takes the exception for
a fault of its own and ends in an AssertionError, or in a traceback that it logs."""


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Within the block, an interrupt that comes at a bad moment comes again a little later.

    Bad are the moments in which Python prints and forgets what is raised, as it does while it
    collects garbage, and those in which a package of ``_FINISHING`` is at work. Where interrupts
    are not Python's default, as in the background of a shell, they are left as they are.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    before, main = sys.unraisablehook, threading.get_ident()
    ended = threading.Event()
    waits_since_seconds: float | None = None

    def come_again() -> None:
        if not ended.wait(_AGAIN_SECONDS):
            # To the thread itself: it may wait for something, and wakes up by a signal only.
            signal.pthread_kill(main, signal.SIGINT)

    def interrupt(_: int, frame: FrameType | None) -> None:
        nonlocal waits_since_seconds
        now_seconds = time.monotonic()
        if waits_since_seconds is None:
            waits_since_seconds = now_seconds
        if _finishes(frame) and now_seconds - waits_since_seconds < _PATIENCE_SECONDS:
            threading.Thread(target=come_again, daemon=True).start()
            return
        waits_since_seconds = None
        raise KeyboardInterrupt

    def hook(ignored: sys.UnraisableHookArgs) -> None:
        if issubclass(ignored.exc_type, KeyboardInterrupt):
            # Not from here: what is raised in this function is ignored as well.
            threading.Thread(target=come_again, daemon=True).start()
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


def _finishes(frame: FrameType | None) -> bool:
    """Whether a package that may finish first is at work."""
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] in _FINISHING:
            return True
        frame = frame.f_back
    return False
