"""Calls side by side, in processes of their own, that can be given up at any moment.

Each worker has a pipe of its own. The pools of the standard library have one for the results of
all workers: if a worker is ended half way through a result, they wait for its other half for ever.
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
    """A process was ended from outside before its result.

    Attributes:
        exit_code: as Python has it: the number of the signal that ended the process, negated.
    """

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(
            f"a process that compiles has ended before its result (exit code {exit_code}): most "
            "often the system is out of memory and has stopped it; free memory or compile fewer "
            "points in one command, then start it again"
        )
        self.exit_code = exit_code


def in_order(
    function: Callable[[Argument], Result], arguments: Sequence[Argument], workers: int
) -> Generator[Result]:
    """Call a function for each argument, side by side; yield what it returns in their order.

    However the generator ends, it has ended its processes first, at once and whatever they do.

    Args:
        function: importable by its name; what it takes and returns can be pickled.
        arguments: given to the workers in this order, each when one is free.
        workers: how many processes at most.

    Raises:
        WorkerEnded: a process is gone before its result; raised as soon as it is known.
        Exception: what the function raised, in the order of the arguments.
    """
    todo = iter(enumerate(arguments))
    at_work: dict[Connection, int] = {}
    answers: dict[int, Future[Result]] = {}
    with _started(function, min(workers, len(arguments))) as processes:

        def give_work(pipe: Connection) -> None:
            for place, argument in todo:
                at_work[pipe] = place
                with _needed(processes[pipe]):
                    pipe.send(argument)
                return

        for pipe in processes:
            give_work(pipe)
        for place in range(len(arguments)):
            while place not in answers:
                ready = wait(list(at_work))
                for pipe in [pipe for pipe in at_work if pipe in ready]:
                    with _needed(processes[pipe]):
                        answers[at_work.pop(pipe)] = _answer(*pipe.recv())
                    give_work(pipe)
            yield answers.pop(place).result()


def _answer(result: Result, error: Exception | None) -> Future[Result]:
    answer: Future[Result] = Future()
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
    return answer


@contextmanager
def _needed(process: SpawnProcess) -> Iterator[None]:
    """Say that a process has ended where its pipe ends."""
    try:
        yield
    except (EOFError, OSError) as gone:
        process.join()
        raise WorkerEnded(process.exitcode) from gone


@contextmanager
def _started(
    function: Callable[[Argument], Result], workers: int
) -> Iterator[dict[Connection, SpawnProcess]]:
    """Processes that serve the other end of each pipe, until the end of the block."""
    # Spawned, not forked: the transpiler's own threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    processes: dict[Connection, SpawnProcess] = {}
    # Started with the first process, it would let interrupts through again.
    resource_tracker.ensure_running()
    try:
        with _interrupts_held_back():
            for _ in range(workers):
                pipe, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(function, theirs), daemon=True)
                process.start()
                # From here on the pipe ends with the process.
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
    # The pipe ends where this process is needed no longer, also if the other was killed.
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
    """Start processes that leave Ctrl-C to this one: they inherit that it is blocked.

    Here it comes through at the end; were it ignored, it would be lost. Blocked in this thread, it
    goes to threads of libraries, for which the main thread is called: hence a handler too.
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
