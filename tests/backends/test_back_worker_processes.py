import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from backends.worker_processes import WorkerEnded, map_in_processes


def slow_if_even(number: int) -> int:
    time.sleep(0.2 if number % 2 == 0 else 0)
    return number**2


def refusing_three(number: int) -> int:
    if number == 3:
        raise ValueError("not three")
    return number


def killed_at_two(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def killed_half_way(number: int) -> bytes:
    if number == 2:
        stop_half_way(lambda: os.kill(os.getpid(), signal.SIGKILL))
    return bytes(1000)


def slow_half_way(folder: Path | None) -> bytes:
    """Once it may, sleeps half way through its answer, if it is given a folder to say so in."""

    def say_so_and_sleep() -> None:
        assert folder is not None
        (folder / "half").touch()
        time.sleep(600)

    if folder is not None:
        wait_until((folder / "may").exists)
        stop_half_way(say_so_and_sleep)
    return bytes(1000)


def stop_half_way(stop: Callable[[], object]) -> None:
    """Makes pipes write the first half of what is sent, and then do this."""

    def write_half(pipe: Connection, content: bytes) -> None:
        os.write(pipe.fileno(), bytes(content[: len(content) // 2]))
        stop()

    setattr(Connection, "_send", write_half)  # noqa: B010


def naming_itself(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(0.3)


def hears_interrupts(_: int) -> bool:
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def started_anew(folder: Path, use: str) -> subprocess.Popen[str]:
    """A program that calls functions of this module, in a Python that has started no process."""
    (folder / "main.py").write_text(
        "from pathlib import Path\n"
        "from backends.worker_processes import map_in_processes\n"
        "from test_back_worker_processes import *\n"
        f"if __name__ == '__main__':\n    {use}\n",
        encoding="utf-8",
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    return subprocess.Popen(
        [sys.executable, str(folder / "main.py")],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/status").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return b"State:\tZ" not in status


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_results_come_in_the_order_of_the_arguments(workers: int) -> None:
    assert list(map_in_processes(slow_if_even, range(6), workers)) == [0, 1, 4, 9, 16, 25]
    assert multiprocessing.active_children() == []


def test_no_arguments_start_no_process() -> None:
    assert list(map_in_processes(slow_if_even, [], 2)) == []


def test_an_error_is_raised_in_its_turn_and_says_where_it_came_from() -> None:
    came = []
    with pytest.raises(ValueError, match="not three") as caught:
        came.extend(map_in_processes(refusing_three, range(8), 2))
    (note,) = caught.value.__notes__
    assert "in refusing_three" in note
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("killed", [killed_at_two, killed_half_way])
def test_a_process_that_is_killed_is_missed(killed: Callable[[int], int | bytes]) -> None:
    with pytest.raises(WorkerEnded, match="exit code -9") as caught:
        list(map_in_processes(killed, range(8), 2))
    assert caught.value.exit_code == -9
    assert multiprocessing.active_children() == []


def test_a_process_that_is_half_way_through_its_answer_holds_nobody_up(tmp_path: Path) -> None:
    with closing(map_in_processes(slow_half_way, [None, tmp_path, None], 2)) as outcomes:
        assert next(outcomes) == bytes(1000)
        # Not before: nobody may be reading when the answer stops.
        (tmp_path / "may").touch()
        wait_until((tmp_path / "half").exists)
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_processes_end_where_who_needs_them_is_killed(tmp_path: Path) -> None:
    (tmp_path / "named").mkdir()
    named = str(tmp_path / "named")
    process = started_anew(
        tmp_path, f"list(map_in_processes(naming_itself, [Path({named!r})] * 1000, 2))"
    )
    wait_until(lambda: len(list((tmp_path / "named").iterdir())) == 2)
    process.kill()
    process.communicate()
    workers = [int(one.name) for one in (tmp_path / "named").iterdir()]
    wait_until(lambda: not any(map(lives, workers)))


def test_interrupts_are_left_to_who_needs_the_results(tmp_path: Path) -> None:
    process = started_anew(tmp_path, "print(list(map_in_processes(hears_interrupts, range(2), 2)))")
    assert process.communicate()[0] == "[False, False]\n"
