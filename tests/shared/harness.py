"""A rehearsal cloud, a stored run, and a worker that can be killed at any point of its life."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import event

from backends.providers.rehearsal.adapter import open_rehearsal
from backends.providers.rehearsal.cloud import Cloud
from runner.config.run_config import RunConfig
from runner.jobs.manager import JobManager
from runner.jobs.sender import ProviderRefused
from runner.jobs.storing import store_run
from runner.planning.compilation import compile_sweep
from runner.store.records import RunRecord
from runner.store.store import Store

RUN = "20260101T000000Z-test"
REFUSED = 17
"""Exit code of a worker that the provider refused."""

CALLS = ("submit", "find", "state", "results", "usage", "cancel")
WRITES = ("add_submissions", "move", "mark_sent", "record_outcomes", "cancel_run", "reopen")


def fast_folder(prefix: str) -> Path:
    """A new folder in memory if there is room: stores wait for the disk at every commit."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**31
    return Path(tempfile.mkdtemp(dir=memory if roomy else None, prefix=prefix))


@dataclass
class VirtualClock:
    """Time that passes only when somebody sleeps."""

    time: float = 1_800_000_000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds < 3600, "nobody should wait for hours"
        self.slept.append(seconds)
        self.time += seconds


class SharedClock:
    """Virtual time that goes on in the next process when one is killed."""

    def __init__(self) -> None:
        self._time = multiprocessing.Value("d", 1_800_000_000.0, lock=False)

    def now(self) -> float:
        return float(self._time.value)

    def sleep(self, seconds: float) -> None:
        self._time.value += seconds


def config(repeats: int = 3, budget_usd: float | None = None) -> RunConfig:
    """A small run: one Bell measurement, repeated."""
    document: dict[str, Any] = {
        "name": "test",
        "experiment": {"kind": "entanglement", "n": 2, "estimator": "bsm"},
        "backend": {"provider": "stim", "device": "ideal"},
        "shots": 20,
        "repeats": repeats,
        "budget": {"usd": budget_usd},
        "seed": 1,
    }
    return RunConfig.model_validate(document)


@cache
def template(**changes: Any) -> bytes:
    """A new store with one run in it, as the bytes of its file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "store.sqlite"
        store = Store(f"sqlite:///{file}")
        store_into(store, config(**changes))
        store.engine.dispose()
        return file.read_bytes()


def stored_run(place: Path, **changes: Any) -> str:
    """Write a new store with one run into a folder; return its URL."""
    (place / "store.sqlite").write_bytes(template(**changes))
    return f"sqlite:///{place / 'store.sqlite'}"


def store_into(store: Store, run: RunConfig) -> None:
    """Compile and write a run into a store."""
    document = {"resolved": run.model_dump(mode="json"), "config": "", "device": None}
    record = RunRecord(RUN, 0.0, "rehearsal", False, document)
    store_run(store, record, run, None, compile_sweep(run, None))


def cloud_options(place: Path, **changes: Any) -> dict[str, Any]:
    """A cloud that takes one circuit a job, so that a small run has several jobs."""
    return {"cloud": str(place / "cloud.sqlite"), "circuits_per_job": 1, **changes}


def cloud(place: Path, clock: VirtualClock | SharedClock | None = None) -> Cloud:
    """The cloud's own memory, for looking at what was paid."""
    return Cloud(place / "cloud.sqlite", clock.now if clock else time.time)


def counts(store: Store) -> dict[str, bytes | None]:
    """Identity → shots."""
    return {c.identity: c.counts for c in store.circuits(RUN)}


class Scene:
    """A store, a cloud with faults, and virtual time."""

    def __init__(self, place, faults=(), run=None, store_only=False, **settings):
        self.place = place
        self.url = stored_run(place, **(run or {}))
        if store_only:
            return
        self.clock = VirtualClock()
        self.store = Store(self.url, self.clock.now)
        self.options = cloud_options(place, faults=faults, **settings)
        self.told = []

    def manager(self):
        adapter = open_rehearsal("ideal", self.options, self.clock.now, self.clock.sleep)
        return JobManager(self.store, adapter, clock=self.clock, notify=self.told.append)

    def work(self):
        return self.manager().work(RUN)

    def jobs(self):
        return cloud(self.place, self.clock).jobs()

    def paid(self):
        return [job for job in self.jobs() if job.state != "cancelled"]

    def assert_exactly_once(self, circuits=3):
        assert self.store.tally(RUN).by_state == {"counted": circuits}
        submissions = self.store.submissions(RUN)
        assert {s.state for s in submissions} == {"analysed"}
        assert sorted(j.id for j in self.paid()) == sorted(s.provider_id for s in submissions)
        assert sorted(j.tag for j in self.paid()) == sorted(s.tag for s in submissions)


class Killer:
    """Counts the points at which a process may die, and kills it at one of them.

    A point lies before and after every call of the provider, before and after every write of
    the store, and before every commit.
    """

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.passed = 0

    def point(self, *_: object) -> None:
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: object, names: tuple[str, ...]) -> None:
        for name in names:
            setattr(owner, name, self._wrapped(getattr(owner, name)))

    def _wrapped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.point()
            answer = function(*args, **kwargs)
            self.point()
            return answer

        return call


def work(
    url: str,
    options: dict[str, Any],
    killer: Killer | None = None,
    clock: SharedClock | None = None,
) -> int:
    """Let a manager work on the run; return how many points it passed."""
    if clock is None:
        store, adapter = Store(url), open_rehearsal("ideal", options)
    else:
        store = Store(url, clock.now)
        adapter = open_rehearsal("ideal", options, clock.now, clock.sleep)
    if killer is not None:
        killer.around(store, WRITES)
        killer.around(adapter, CALLS)
        event.listen(store.engine, "commit", killer.point)
    JobManager(store, adapter, clock=clock).work(RUN)
    store.engine.dispose()
    return killer.passed if killer else 0


def in_a_process_of_its_own(task: Callable[[], object]) -> int:
    """Run a task in a forked process; return its exit code, negative for a signal."""
    with warnings.catch_warnings():
        # Newer Pythons warn of threads, which a test runner has; the child starts none.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        # A child that hangs is killed by the alarm, so that its parent does not wait forever.
        signal.alarm(120)
        # Looking for garbage would copy all the memory that it shares with its parent.
        gc.disable()
        code = 1
        try:
            task()
            code = 0
        except ProviderRefused:
            code = REFUSED
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
