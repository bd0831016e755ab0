"""Parallel function calls in worker processes that can be ended at any moment.

Each worker has its own pipe. The pools of the standard library share a pipe for the results of all
workers: if a worker is ended while it writes a result, they wait for the rest of it for ever.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TypeVar

from backends.errors import BackendError

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class WorkerEnded(BackendError):
    """A worker process ended before it returned its result.

    Attributes:
        exit_code: exit code in Python's convention: a negated signal number.
    """

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(
            f"a process that compiles has ended before its result (exit code {exit_code}): most "
            "often the system is out of memory and has stopped it; free memory or compile fewer "
            "points in one command, then start it again"
        )
        self.exit_code = exit_code


def map_in_processes(
    function: Callable[[Argument], Result], arguments: Sequence[Argument], workers: int
) -> Generator[Result]:
    """Call a function for each argument in parallel; yield the results in order.

    However the generator ends, it kills its processes first.

    Args:
        function: importable by its name; argument and result can be pickled.
        arguments: passed to the workers in this order, each to the next free worker.
        workers: largest number of processes.

    Raises:
        WorkerEnded: as soon as a process has ended before its result.
        Exception: the exceptions of the function, in the order of the arguments.
    """
    todo = iter(enumerate(arguments))
    at_work: dict[Connection, int] = {}
    answers: dict[int, Future[Result]] = {}
    with _started(function, min(workers, len(arguments))) as processes:

        def assign_next(pipe: Connection) -> None:
            for index, argument in todo:
                at_work[pipe] = index
                with _require_process(processes[pipe]):
                    pipe.send(argument)
                return

        for pipe in processes:
            assign_next(pipe)
        for index in range(len(arguments)):
            while index not in answers:
                ready = wait(list(at_work))
                for pipe in [pipe for pipe in at_work if pipe in ready]:
                    with _require_process(processes[pipe]):
                        answers[at_work.pop(pipe)] = _answer(*pipe.recv())
                    assign_next(pipe)
            yield answers.pop(index).result()


def _answer(result: Result, error: Exception | None) -> Future[Result]:
    answer: Future[Result] = Future()
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
    return answer


@contextmanager
def _require_process(process: SpawnProcess) -> Iterator[None]:
    """Raise :class:`WorkerEnded` if the pipe of a process has closed."""
    try:
        yield
    except (EOFError, OSError) as gone:
        process.join()
        raise WorkerEnded(process.exitcode) from gone


@contextmanager
def _started(
    function: Callable[[Argument], Result], workers: int
) -> Iterator[dict[Connection, SpawnProcess]]:
    """Start processes that serve the other ends of pipes; kill them at the end of the block."""
    # Spawned, not forked: the transpiler's own threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    processes: dict[Connection, SpawnProcess] = {}
    # If it were started with the first process, it would unblock interrupts.
    resource_tracker.ensure_running()
    try:
        with _interrupts_held_back():
            for _ in range(workers):
                pipe, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(function, theirs), daemon=True)
                process.start()
                # From here on the pipe closes with the process.
                theirs.close()
                processes[pipe] = process
        yield processes
    finally:
        for process in processes.values():
            process.kill()
        for pipe, process in processes.items():
            process.join()
            pipe.close()


def _serve(function: Callable[[Argument], Result], pipe: Connection) -> None:
    # The pipe closes when this process is no longer needed, also if the parent was killed.
    with suppress(EOFError, OSError):
        while True:
            argument: Argument = pipe.recv()
            try:
                answer = function(argument), None
            except Exception as error:
                error.add_note(f"in a process of its own:\n{traceback.format_exc()}")
                pipe.send((None, error))
            else:
                pipe.send(answer)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Block Ctrl-C while processes start, so that they inherit the blocked signal.

    In this process an interrupt is raised at the end of the block. The signal is blocked in this
    thread only; through threads of libraries it may still call the handler: hence a handler too.
    """
    came: list[int] = []
    in_main = threading.current_thread() is threading.main_thread()
    if in_main:
        handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main:
            signal.signal(signal.SIGINT, handler)
    if came:
        signal.raise_signal(signal.SIGINT)
