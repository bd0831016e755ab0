"""The command ``enclone`` in processes of their own, without waiting for its imports each time.

A server imports what the command imports, does nothing with it, and forks whenever a command is
started. The copy takes over folder, environment, arguments and streams, runs the command's entry
point, and ends as Python does. So it can be killed, interrupted and waited for like any process.
What is read only while Python starts, or done between fork and exec, needs a true start: the
caller of :func:`start` gets one by itself where that is so.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TextIO

SCRIPT = Path(sys.executable).with_name("enclone")
_IMPORTED = (
    "enclone.__main__",
    "backends.providers.local_adapter",
    "backends.compiling.tree_synthesis",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "rich.progress",
    "runner.cli.commands",
    "runner.planning.forecast",
    "runner.jobs.manager",
    "runner.report.report",
    "runner.session",
    "runner.status",
    "runner.analysis.verification",
)
_LONGEST_MESSAGE = 2**17


class Running:
    """A command that was started; the part of :class:`subprocess.Popen` that the tests use."""

    def __init__(self, arguments: Sequence[str], report: socket.socket, out: int, err: int) -> None:
        self.arguments = arguments
        self.returncode: int | None = None
        self.stdout = os.fdopen(out, encoding="utf-8")
        self.stderr = os.fdopen(err, encoding="utf-8")
        self._report = report
        self._said: tuple[str, str] | None = None
        self.pid = int(report.recv(32))

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None as long as it runs."""
        return self._exit_code(0)

    def _exit_code(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._report], [], [], seconds)[0]:
            self.returncode = int(self._report.recv(32))
            self._report.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Both streams to their ends; a command that takes longer is killed."""
        if self._said is None:
            self._said = self._read(timeout)
        return self._said

    def _read(self, timeout: float | None) -> tuple[str, str]:
        said = {}

        def read(stream: TextIO) -> None:
            with stream:
                said[stream] = stream.read()

        # Helpers of a command that was killed may keep its streams open: nobody waits for that.
        readers = [Thread(target=read, args=[s], daemon=True) for s in (self.stdout, self.stderr)]
        for reader in readers:
            reader.start()
        if self._exit_code(timeout) is None:
            self.kill()
            raise subprocess.TimeoutExpired(self.arguments, timeout or 0)
        for reader in readers:
            reader.join()
        return said[self.stdout], said[self.stderr]


def start(
    arguments: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    *,
    new_session: bool = False,
    before: Callable[[], object] | None = None,
) -> Running | subprocess.Popen[str]:
    """Start the command.

    Args:
        arguments: without the command's name.
        cwd: its folder.
        environment: all of it.
        new_session: whether it leads a process group of its own, as in a terminal.
        before: is called in the new process before the command starts.
    """
    read_at_start = {
        key
        for key in {*environment, *os.environ}
        if key.startswith("PYTHON") and environment.get(key) != os.environ.get(key)
    }
    if before is not None or read_at_start or sys.platform != "linux":
        return subprocess.Popen(
            [str(SCRIPT), *arguments],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=new_session,
            preexec_fn=before,
        )
    report, reporting = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    (out, writing_out), (err, writing_err) = os.pipe(), os.pipe()
    wanted = json.dumps([list(arguments), str(cwd), dict(environment), new_session]).encode()
    assert len(wanted) <= _LONGEST_MESSAGE
    given = [writing_out, writing_err, reporting.fileno()]
    socket.send_fds(_server(), [wanted], given)
    os.close(writing_out)
    os.close(writing_err)
    reporting.close()
    return Running(arguments, report, out, err)


@cache
def _server() -> socket.socket:
    """The end of a socket that takes what is to be started; the server ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        # Pipes, as those of its copies: Python looks at what a stream is when it starts.
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.communicate()

    atexit.register(end)
    return ours


def _serve(requests: socket.socket) -> None:
    """Fork for each request; return in a process that is to become the command."""
    for module in _IMPORTED:
        import_module(module)
    gc.freeze()
    while True:
        wanted, given, *_ = socket.recv_fds(requests, _LONGEST_MESSAGE, 3)
        if not wanted:
            os._exit(0)
        if os.fork() == 0 and _watch(given):
            requests.close()
            _take_over(*json.loads(wanted), given)
            return
        for file in given:
            os.close(file)
        _bury()


def _watch(given: list[int]) -> bool:
    """Fork once more and tell how the copy ends; True in the copy."""
    report = socket.socket(fileno=given.pop())
    child = os.fork()
    if child == 0:
        report.close()
        return True
    for file in given:
        os.close(file)
    report.send(b"%d" % child)
    _, status = os.waitpid(child, 0)
    report.send(b"%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _bury() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _take_over(
    arguments: list[str],
    cwd: str,
    environment: dict[str, str],
    new_session: bool,
    streams: list[int],
) -> None:
    if new_session:
        os.setsid()
    for number, file in enumerate(streams, start=1):
        os.dup2(file, number)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = [str(SCRIPT), *arguments]


if __name__ == "__main__":
    # Not the folder of the tests: the command finds its packages as it is installed.
    del sys.path[0]
    _serve(socket.socket(fileno=int(sys.argv[1])))
    from enclone.__main__ import main

    sys.exit(main())
