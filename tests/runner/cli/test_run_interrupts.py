import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from click.testing import Result
from sqlalchemy import Connection, create_engine

from backends.providers.rehearsal.adapter import RehearsalAdapter
from runner.interrupts import interrupts_kept
from runner.jobs.storing import store_run

Invoke = Callable[..., Result]

ONE = "experiment: {kind: entanglement, n: 2}\nshots: 200\n"
IDEAL = f"{ONE}backend: {{device: ideal}}\n"

MAIN = (threading.main_thread().ident, signal.SIGINT)


class Collected:
    """Calls something when it is collected, where Python ignores what is raised."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call

    def __del__(self) -> None:
        self.call()


def interrupt(_: object = None) -> None:
    raise KeyboardInterrupt


def refuse() -> None:
    raise ValueError("an error of the library")


def collect(call: Callable[[], object]) -> None:
    garbage = Collected(call)
    del garbage


def collect_what_is_watched() -> None:
    garbage = Collected(lambda: None)
    watched = weakref.ref(garbage, interrupt)
    del garbage
    assert watched() is None


def counting() -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        pass


@interrupts_kept()
def in_turn(*calls: Callable[[], object]) -> None:
    for call in calls:
        call()


@pytest.mark.parametrize("ignore", [lambda: collect(interrupt), collect_what_is_watched])
@pytest.mark.parametrize("work", [counting, lambda: time.sleep(20)])
def test_an_interrupt_that_python_ignores_comes_again(
    ignore: Callable[[], object], work: Callable[[], object]
) -> None:
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        in_turn(ignore, work)
    assert time.monotonic() - began < 15


def test_an_interrupt_that_is_ignored_twice_comes_a_third_time() -> None:
    ignored = []

    def work() -> None:
        try:
            counting()
        finally:
            ignored.append(True)

    with pytest.raises(KeyboardInterrupt):
        in_turn(lambda: collect(interrupt), lambda: collect(work), counting)
    assert ignored == [True]


def busy_database(connection: Connection, came: list[str]) -> None:
    """Interrupts itself within the library, which then goes on for a while."""

    def interrupts_and_goes_on() -> int:
        signal.raise_signal(signal.SIGINT)
        came.append("went on")
        return 1

    connection.connection.driver_connection.create_function("busy", 0, interrupts_and_goes_on)
    came.append(str(connection.exec_driver_sql("SELECT busy()").scalar()))
    counting()


def test_the_database_library_finishes_first() -> None:
    came: list[str] = []
    with create_engine("sqlite://").connect() as connection, pytest.raises(KeyboardInterrupt):
        in_turn(lambda: busy_database(connection, came))
    assert came == ["went on", "1"]


def test_a_database_that_does_not_answer_is_interrupted_all_the_same() -> None:
    """This test is a package's work itself: as long as its name says so, nothing comes through."""
    slow = {"__name__": "sqlalchemy.slow", "wait": lambda: time.sleep(0.01)}
    exec("def work(end):\n    while end():\n        wait()", slow)  # noqa: S102
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        in_turn(
            lambda: threading.Timer(0.1, signal.pthread_kill, MAIN).start(),
            lambda: slow["work"](lambda: time.monotonic() - began < 30),
        )
    assert 1 < time.monotonic() - began < 25


def test_who_ignores_interrupts_goes_on_to() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        in_turn(lambda: signal.raise_signal(signal.SIGINT), lambda: time.sleep(0.1))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_errors_go_where_they_went(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda ignored: seen.append(ignored.exc_value))
    hook = sys.unraisablehook
    with interrupts_kept():
        collect(refuse)
    assert list(map(str, seen)) == ["an error of the library"]
    assert sys.unraisablehook is hook
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_command_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("experiment: {kind: entanglement, n: 2}\n", encoding="utf-8")
    code = (
        "import sys, time, runner.planning.points, runner.cli.commands\n"
        "class Collected:\n"
        "    def __del__(self): raise KeyboardInterrupt\n"
        "def sweep(config):\n"
        "    Collected()\n"
        "    time.sleep(20)\n"
        "runner.planning.points.sweep = sweep\n"
        "runner.cli.commands.main(['validate', 'c.yaml'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_a_run_interrupted_before_it_is_stored_leaves_nothing(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.yaml").write_text(IDEAL, encoding="utf-8")
    monkeypatch.setattr("runner.jobs.storing.store_run", Mock(side_effect=KeyboardInterrupt))
    done = invoke("run", "c.yaml")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (130, "interrupted")
    assert [path for path in (tmp_path / "runs").iterdir() if path.is_dir()] == []
    assert "there is no run in" in invoke("report").stderr


def test_a_run_interrupted_as_soon_as_it_is_stored_goes_on(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stored_and_interrupted(*arguments: Any) -> None:
        store_run(*arguments)
        raise KeyboardInterrupt

    (tmp_path / "c.yaml").write_text(IDEAL, encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr("runner.jobs.storing.store_run", stored_and_interrupted)
        assert invoke("run", "c.yaml").exit_code == 130
    assert invoke("resume").exit_code == 0
    assert invoke("report").exit_code == 0


def test_a_run_interrupted_before_its_first_job_reaches_the_rehearsal_cloud_goes_on(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "backend: {provider: rehearsal, device: ideal, rehearsal: {poll_seconds: 0.1}}\n"
    (tmp_path / "c.yaml").write_text(ONE + text, encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(RehearsalAdapter, "submit", Mock(side_effect=KeyboardInterrupt))
        assert invoke("run", "c.yaml").exit_code == 130
    done = invoke("resume")
    assert (done.exit_code, done.stdout[:10]) == (0, "n  clone  "), done.output
    assert invoke("status").exit_code == 0
