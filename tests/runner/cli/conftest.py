"""Fixtures that several test files of this folder use."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import started
from command_cases import IDEAL, Finish, Process, Start
from runs import Finished, environment


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A sound configuration, ``c.yaml`` in the command's folder."""
    path = tmp_path / "c.yaml"
    path.write_text(IDEAL, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def one(finish: Finish) -> Finished:
    """The smallest run."""
    return finish(IDEAL)


@pytest.fixture
def kept(one: Finished, tmp_path: Path) -> Path:
    """A copy of the smallest run, ``runs/a`` in the command's folder."""
    copy = tmp_path / "runs" / "a"
    shutil.copytree(one.folder, copy)
    return copy


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a run in a process group of its own, as a terminal does."""
    processes = []

    def begin(text: str) -> Process:
        (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
        process = started.start(["run", "c.yaml"], tmp_path, environment(), new_session=True)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        # Its helpers may live on where it was killed alone.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
