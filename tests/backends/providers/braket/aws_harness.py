"""A store with a run for a Braket device, the emulated service, and virtual time."""

from __future__ import annotations

from functools import cache
from typing import Any

import braket_devices as devices
from braket_emulator import Emulator
from braket_service import Service, Task
from harness import VirtualClock

from backends.devices.braket_capabilities import Capabilities
from backends.devices.snapshot import DeviceSnapshot
from backends.providers.braket.adapter import BraketAdapter, open_braket
from runner.config.run_config import RunConfig
from runner.jobs.manager import JobManager
from runner.jobs.storing import store_run
from runner.planning.compilation import compile_sweep
from runner.planning.points import PlannedPoint
from runner.store.records import RunRecord
from runner.store.store import Store

RUN = "20260101T000000Z-test"
BUCKET = "amazon-braket-test"


def snapshot(arn: str, **options: Any) -> DeviceSnapshot:
    return Capabilities(devices.document(arn)).snapshot("test", **options)


def config(arn: str, **changes: Any) -> RunConfig:
    document: dict[str, Any] = {
        "name": "test",
        "experiment": {"kind": "entanglement", "n": 2, "estimator": "bsm"},
        "backend": {"provider": "braket", "device": arn},
        "compile": {"seeds": 1},
        "shots": 20,
        "repeats": 3,
        "seed": 1,
        **changes,
    }
    return RunConfig.model_validate(document)


@cache
def compiled(arn: str) -> list[PlannedPoint]:
    """The small run, compiled once for each device."""
    return compile_sweep(config(arn), snapshot(arn))


def adapter(arn: str, clock: VirtualClock | None = None, **options: Any) -> BraketAdapter:
    """The real client, with results in a bucket that is there."""
    wanted = {"s3": BUCKET, **options}
    return open_braket(arn, wanted, None, clock.now) if clock else open_braket(arn, wanted)


class AwsScene:
    """A run of three circuits, one task each, unless the device takes program sets."""

    def __init__(
        self,
        place: Any,
        emulator: Emulator,
        arn: str = devices.ANKAA,
        run: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.arn, self.options, self.emulator = arn, options or {}, emulator
        self.clock = VirtualClock()
        self.service: Service = emulator.restart(Service(clock=self.clock.now, **settings))
        self.told: list[str] = []
        with_bucket(emulator)
        self.store = Store(f"sqlite:///{place / 'store.sqlite'}", self.clock.now)
        wanted = config(arn, **(run or {}))
        planned = compiled(arn) if "experiment" not in (run or {}) else None
        conditional = bool(self.options.get("conditional_gates"))
        device = snapshot(arn, conditional_gates=conditional)
        document = {
            "resolved": wanted.model_dump(mode="json"),
            "config": "",
            "device": device.to_json(),
        }
        record = RunRecord(RUN, 0.0, "braket", False, document)
        store_run(self.store, record, wanted, device, planned or compile_sweep(wanted, device))

    def manager(self) -> JobManager:
        opened = adapter(self.arn, self.clock, **self.options)
        return JobManager(self.store, opened, clock=self.clock, notify=self.told.append)

    def work(self) -> None:
        self.manager().work(RUN)

    def paid(self) -> list[Task]:
        return self.service.paid()

    def assert_exactly_once(self, circuits: int = 3) -> None:
        assert self.store.tally(RUN).by_state == {"counted": circuits}
        submissions = self.store.submissions(RUN)
        assert {s.state for s in submissions} == {"analysed"}
        assert sorted(t.arn for t in self.paid()) == sorted(s.provider_id for s in submissions)
        tags = sorted(t.request["tags"]["enclone"] for t in self.paid())
        assert tags == sorted(s.tag for s in submissions)


def with_bucket(emulator: Emulator) -> None:
    emulator.s3.create_bucket(Bucket=BUCKET)
