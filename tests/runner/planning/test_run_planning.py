"""Compiling over several processes: what stays when it is cut short."""

import multiprocessing
import threading
from unittest.mock import Mock

import pytest

from backends.devices.catalog import load_device
from runner.config.run_config import RunConfig
from runner.planning.compilation import compile_sweep


def test_an_interrupted_compilation_leaves_no_process_and_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A thread that lived on would race with the exit of Python, which wakes it by a pipe that it
    # is closing just then: seen as "OSError: [Errno 9] Bad file descriptor".
    monkeypatch.setattr("runner.planning.compilation._ALONE_SECONDS", 0.0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    config = RunConfig.model_validate(
        {"experiment": {"kind": "entanglement", "n": "2..12"}, "shots": 200}
    )
    threads = set(threading.enumerate())
    finished = Mock(side_effect=[None] * 4 + [KeyboardInterrupt])
    with pytest.raises(KeyboardInterrupt):
        compile_sweep(config, load_device(config.backend.device), finished)
    assert finished.call_count == 5
    assert (multiprocessing.active_children(), set(threading.enumerate()) - threads) == ([], set())
