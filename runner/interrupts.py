"""Ctrl-C that is never lost."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_AGAIN_SECONDS = 0.01


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Within the block, an interrupt that Python ignores comes again a little later.

    Python prints and forgets what is raised while it collects garbage. Libraries that look after
    their objects there, as SQLAlchemy does, spend percents of a run in such places.
    """
    before, main = sys.unraisablehook, threading.main_thread()
    ended = threading.Event()

    def interrupt_again() -> None:
        if not ended.wait(_AGAIN_SECONDS):
            # To the thread itself: it may wait for something, and wakes up by a signal only.
            signal.pthread_kill(main.ident or 0, signal.SIGINT)

    def hook(ignored: sys.UnraisableHookArgs) -> None:
        if issubclass(ignored.exc_type, KeyboardInterrupt):
            # Not from here: what is raised in this function is ignored as well.
            threading.Thread(target=interrupt_again, daemon=True).start()
        else:
            before(ignored)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        ended.set()
        sys.unraisablehook = before
