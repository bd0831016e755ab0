"""Where the protocol compiler keeps its machine code."""

import os
import time

import pytest

from backends.compiling.protocol.core import machine_code

DAY_SECONDS = 86_400


@pytest.fixture
def mine(tmp_path, monkeypatch):
    folder = tmp_path / "machine-code-mine"
    monkeypatch.setattr(machine_code, "_folder", lambda: folder)
    return folder


def test_machine_code_is_kept_of_the_package_that_has_files(mine):
    (mine / "multi_0123").mkdir(parents=True)
    assert not machine_code.is_kept("multi")
    (mine / "multi_0123" / "moves.change-1.py311.1.nbc").touch()
    assert machine_code.is_kept("multi")
    assert not machine_code.is_kept("single")


def test_machine_code_of_other_versions_goes_a_month_after_its_last_use(mine):
    last_use_days = {"new": 0, "used": 29, "old": 31}
    for name, days in last_use_days.items():
        folder = mine.parent / f"machine-code-{name}"
        folder.mkdir()
        (folder / "content").touch()
        os.utime(folder, (time.time() - days * DAY_SECONDS,) * 2)
    (mine.parent / "another").mkdir()
    os.utime(mine.parent / "another", (0, 0))
    machine_code._used_now(mine)
    names = {folder.name for folder in mine.parent.iterdir()}
    assert names == {"machine-code-mine", "machine-code-new", "machine-code-used", "another"}


def test_a_folder_in_use_is_as_new(mine):
    mine.mkdir()
    os.utime(mine, (0, 0))
    machine_code._used_now(mine)
    assert time.time() - mine.stat().st_mtime < DAY_SECONDS
    assert mine.is_dir()
