"""Runs of a store in memory are held within their store, and nowhere else."""

from pathlib import Path

import pytest

from runner.store.locking import RunIsBusy, run_lock
from runner.store.store import Store


def test_two_stores_in_memory_do_not_hold_each_others_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = Store("sqlite://"), Store("sqlite://")
    try:
        with run_lock(one.engine, "run"):
            with run_lock(two.engine, "run") as require_lock:
                require_lock()
            with pytest.raises(RunIsBusy), run_lock(one.engine, "run"):
                pass
        with run_lock(one.engine, "run") as require_lock:
            require_lock()
    finally:
        one.engine.dispose()
        two.engine.dispose()
    assert list(tmp_path.iterdir()) == []
