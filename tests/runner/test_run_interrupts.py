import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.interrupts import interrupts_kept


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


def test_other_errors_go_where_they_went(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda ignored: seen.append(ignored.exc_value))
    hook = sys.unraisablehook
    with interrupts_kept():
        collect(refuse)
    assert list(map(str, seen)) == ["an error of the library"]
    assert sys.unraisablehook is hook


def test_the_command_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("experiment: {kind: entanglement, n: 2}\n", encoding="utf-8")
    code = (
        "import sys, time, runner.planning, runner.cli\n"
        "class Collected:\n"
        "    def __del__(self): raise KeyboardInterrupt\n"
        "def sweep(config):\n"
        "    Collected()\n"
        "    time.sleep(20)\n"
        "runner.planning.sweep = sweep\n"
        "runner.cli.main(['validate', 'c.yaml'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")
