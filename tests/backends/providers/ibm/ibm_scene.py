"""A run on the emulated service: the real client, the real job manager, time that is made up."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[4]))  # the emulator starts as tests.emulators.ibm

from backends.devices.snapshot import DeviceSnapshot
from backends.providers.ibm.adapter import open_ibm
from runner.config.run_config import RunConfig
from runner.jobs.manager import JobManager
from runner.jobs.sender import ProviderRefused
from runner.jobs.storing import store_run
from runner.planning.compilation import compile_sweep
from runner.planning.points import PlannedPoint, stored_options
from runner.store.records import RunRecord
from runner.store.store import Store
from tests.emulators.ibm.devices import Device
from tests.emulators.ibm.server import Emulator
from tests.emulators.ibm.service import Service
from tests.emulators.ibm.settings import API_KEY, INSTANCE, Settings

RUN = "20260101T000000Z-ibm"
KINGSTON = Device.packaged("ibm_kingston")
SMALL = Device.packaged("ibm_lagos")
"""Seven qubits: the client reads its calibration ten times faster."""

FEZ = Device.packaged("ibm_fez", queue_length=9)


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds < 3600, "nobody should wait for hours"
        self.time += seconds


def run_config(**changes: Any) -> RunConfig:
    """Two Bell measurements of n = 2, each in a job of its own."""
    document: dict[str, Any] = {
        "name": "ibm",
        "experiment": {"kind": "entanglement", "n": 2, "estimator": "bsm"},
        "backend": {
            "provider": "ibm",
            "device": SMALL.name,
            "ibm": {"circuits_per_job": 1, "listing_lag_seconds": 30.0},
        },
        "compile": {"seeds": 1},
        "shots": 64,
        "repeats": 2,
        "seed": 1,
        **changes,
    }
    return RunConfig.model_validate(document)


@cache
def snapshot() -> DeviceSnapshot:
    """The calibration of the emulated device."""
    return SMALL.snapshot


@cache
def _compiled() -> tuple[PlannedPoint, ...]:
    return tuple(compile_sweep(run_config(), snapshot()))


class Scene:
    """An emulator, a store with one run, and managers that work on it.

    Args:
        environment: receives what leads the client to the emulator.
        settings: of the service.
        changes: of the configuration.
    """

    def __init__(self, environment: Any, changes: dict[str, Any] | None = None, **settings: Any):
        self.clock = Clock()
        self.service = Service(None, [SMALL, KINGSTON, FEZ], Settings(**settings), self.clock.now)
        self.emulator = Emulator(self.service)
        for name, value in self.emulator.environment(API_KEY, INSTANCE).items():
            environment.setenv(name, value)
        self.config = run_config(**(changes or {}))
        self.store = Store("sqlite://", self.clock.now)
        document = {
            "resolved": self.config.model_dump(mode="json"),
            "config": "",
            "device": snapshot().to_json(),
            "options": stored_options(self.config, RUN, Path("runs")),
        }
        planned = _compiled() if not changes else compile_sweep(self.config, snapshot())
        store_run(
            self.store,
            RunRecord(RUN, 0.0, "ibm", False, document),
            self.config,
            snapshot(),
            planned,
        )
        self.told: list[str] = []
        self.answers: Path | None = None

    def adapter(self) -> Any:
        return open_ibm(snapshot(), stored_options(self.config, RUN, Path("runs")))

    def manager(self) -> JobManager:
        return JobManager(
            self.store,
            self.adapter(),
            clock=self.clock,
            notify=self.told.append,
            answers=self.answers,
        )

    def retire(self) -> None:
        """Take the device out of the listing; what it has already taken still runs."""
        for job in self.service.jobs():
            self.clock.sleep(100)
            self.service.job(job.id)
        del self.service.devices[SMALL.name]

    def work(self, **how: Any) -> None:
        """One process that works on the run, as far as it gets."""
        try:
            self.manager().work(RUN, **how)
        except ProviderRefused as error:
            self.told.append(str(error))

    def surviving(self) -> list[Any]:
        return [job for job in self.service.jobs() if job.survives]

    def assert_exactly_once(self, jobs: int = 2) -> None:
        assert self.store.tally(RUN).by_state == {"counted": jobs}, self.told
        submissions = self.store.submissions(RUN)
        assert {s.state for s in submissions} == {"analysed"}
        assert sorted(j.id for j in self.surviving()) == sorted(s.provider_id for s in submissions)
        assert sorted(t for j in self.surviving() for t in j.tags) == sorted(
            s.tag for s in submissions
        )

    def close(self) -> None:
        self.emulator.close()
        self.store.engine.dispose()
