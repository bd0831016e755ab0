"""Every call of the two clouds × everything that can happen to its answer.

Each case lets the real client meet the fault at an emulated service, with made-up time between
the calls. Afterwards each submission has one job that survives, and all counts are there.
``python tests/backends/providers/fault_matrix.py`` plays all cases.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
for place in (
    "tests/shared",
    "tests/emulators",
    "tests/backends/providers/ibm",
    "tests/backends/providers/braket",
    ".",
):
    if str(ROOT / place) not in sys.path:
        sys.path.insert(0, str(ROOT / place))

BOUND_SECONDS = 0.7
"""``ENCLONE_ANSWER_SECONDS`` of the cases that drip."""

LONGEST_SECONDS = 60.0
"""A case that takes longer on this machine waits for something without a bound."""

BODIES = {"list": "[]", "null": "null", "text": '"yes"', "number": "7", "empty": "{}"}


@dataclass(frozen=True)
class Case:
    """One fault at one call.

    Attributes:
        provider: ``ibm`` or ``braket``.
        call: as the emulator calls it.
        kind: what happens.
        times: how often in a row.
    """

    provider: str
    call: str
    kind: str
    times: int = 2

    def __str__(self) -> str:
        return f"{self.provider}-{self.call}-{self.kind}"


_IBM_ASKED = ("configuration", "properties", "status", "usage", "list", "job", "results", "metrics")
_BRAKET_ASKED = ("GetDevice", "SearchQuantumTasks", "GetQuantumTask")
_STATUSES = (400, 401, 403, 404, 409, 429)


def _cases() -> tuple[Case, ...]:
    found = []
    for call in ("submit", *_IBM_ASKED):
        found += [Case("ibm", call, f"json_{name}") for name in BODIES]
        found += [Case("ibm", call, kind) for kind in ("accepted_drips", "dropped", "503")]
    found += [Case("ibm", "submit", f"declined_{status}", 50) for status in _STATUSES]
    found += [Case("ibm", call, "not_found") for call in ("list", "job", "results", "metrics")]
    for call in ("CreateQuantumTask", *_BRAKET_ASKED):
        found += [Case("braket", call, f"json_{name}") for name in BODIES]
        found += [Case("braket", call, kind) for kind in ("drips", "dropped", "unavailable_503")]
    found += [
        Case("braket", "CreateQuantumTask", f"declined_{status}", 50)
        for status in (400, 401, 403, 409, 429)
    ]
    return tuple(found)


CASES = _cases()
PART = (
    Case("ibm", "submit", "declined_401", 50),
    Case("ibm", "submit", "declined_409", 50),
    Case("ibm", "submit", "declined_429", 50),
    Case("ibm", "submit", "json_null"),
    Case("ibm", "submit", "accepted_drips", 1),
    Case("ibm", "job", "json_list"),
    Case("ibm", "list", "json_text"),
    Case("ibm", "metrics", "json_number"),
    Case("ibm", "results", "accepted_drips", 1),
    Case("braket", "CreateQuantumTask", "declined_401", 50),
    Case("braket", "CreateQuantumTask", "declined_409", 50),
    Case("braket", "CreateQuantumTask", "declined_429", 50),
    Case("braket", "CreateQuantumTask", "json_list"),
    Case("braket", "CreateQuantumTask", "drips", 1),
    Case("braket", "GetDevice", "json_null"),
    Case("braket", "SearchQuantumTasks", "json_text"),
    Case("braket", "GetQuantumTask", "json_number"),
    Case("braket", "GetQuantumTask", "drips", 1),
)


def play(case: Case, environment: Any, place: Path) -> None:
    """Play a case.

    Args:
        case: the case.
        environment: a monkeypatch that leads the client to the emulator.
        place: an empty folder.

    Raises:
        AssertionError: if a promise was broken.
    """
    if "drips" in case.kind:
        environment.setenv("ENCLONE_ANSWER_SECONDS", str(BOUND_SECONDS))
    started = time.monotonic()
    (_play_ibm if case.provider == "ibm" else _play_braket)(case, environment, place)
    took = time.monotonic() - started
    assert took < LONGEST_SECONDS, f"{case} took {took:.0f} s"


PLANNING = tuple(
    Case("ibm", call, f"json_{name}", 9999)
    for call in ("token", "search", "backends", "configuration", "properties", "status", "usage")
    for name in BODIES
) + tuple(
    Case("braket", call, f"json_{name}", 9999)
    for call in ("GetDevice", "SearchDevices")
    for name in BODIES
)
"""Answers of the wrong type while a device is chosen and asked."""

PART_OF_PLANNING = PLANNING[::4]


def plan(case: Case, environment: Any) -> None:
    """Open a device and ask what a plan asks: whatever is answered, it ends in a word of ours.

    Raises:
        AssertionError: if anything but an error of the contract is raised.
    """
    from backends.errors import BackendError

    opened = _opened_ibm if case.provider == "ibm" else _opened_braket
    try:
        adapter = opened(case, environment)
        adapter.limits(), adapter.snapshot(), adapter.terms(), adapter.forecast(())
    except BackendError as error:
        assert str(error)  # noqa: PT017 - it may as well succeed


def _opened_ibm(case: Case, environment: Any) -> Any:
    from ibm_scene import FEZ, SMALL

    from backends.providers.ibm.adapter import open_ibm
    from tests.emulators.ibm.server import Emulator
    from tests.emulators.ibm.service import Service
    from tests.emulators.ibm.settings import API_KEY, INSTANCE, Settings

    environment.setenv("USAGE_DATA_OPT_OUT", "True")
    emulator = Emulator(Service(None, [SMALL, FEZ], Settings(faults=[_ibm_fault(case)])))
    try:
        for name, value in emulator.environment(API_KEY, INSTANCE).items():
            environment.setenv(name, value)
        adapter = open_ibm("least_busy" if case.call == "backends" else SMALL.name, {})
        adapter.require_ready(1.0)
    finally:
        emulator.close()
    return adapter


def _opened_braket(case: Case, environment: Any) -> Any:
    import braket_devices as devices
    from braket_service import Fault, Service

    from backends.providers.braket.adapter import open_braket
    from backends.providers.braket.listing import reachable_devices

    emulator = _led_to_braket(environment)
    emulator.restart(Service(faults=[Fault(case.call, case.kind, 1, case.times)]))
    adapter = None
    if case.call == "GetDevice":
        adapter = open_braket(devices.ANKAA, {})
    list(reachable_devices())
    return adapter


def _ibm_fault(case: Case) -> Any:
    from tests.emulators.ibm.faults import Fault

    name, _, detail = case.kind.partition("_")
    if name == "declined":
        return Fault("submit", "accepted_refused", times=case.times, status=int(detail))
    if name == "json":
        return Fault(case.call, "answered", times=case.times, body=BODIES[detail])
    if case.kind == "not_found":
        return Fault(case.call, "refused", times=case.times, status=404)
    kind = "unavailable_503" if case.kind == "503" else case.kind
    return Fault(case.call, kind, times=case.times)


def _play_ibm(case: Case, environment: Any, place: Path) -> None:
    from ibm_scene import Scene

    from backends.errors import BackendError

    del place
    for name in ("TOKEN", "URL", "INSTANCE", "CHANNEL"):
        environment.delenv(f"QISKIT_IBM_{name}", raising=False)
    environment.setenv("USAGE_DATA_OPT_OUT", "True")
    scene = Scene(environment, queue_seconds=300.0, listing_lag_seconds=20.0)
    try:
        scene.service.settings.faults = [_ibm_fault(case)]
        for _ in range(5):
            try:
                scene.work()
            except BackendError as error:
                scene.told.append(str(error))
        scene.assert_exactly_once()
        assert len(scene.service.jobs()) == 2, "no job was even made twice"
    finally:
        scene.close()


_EMULATOR: list[Any] = []


def _play_braket(case: Case, environment: Any, place: Path) -> None:
    from aws_harness import AwsScene
    from braket_service import Fault

    from backends.errors import BackendError
    from runner.errors import UserError

    emulator = _led_to_braket(environment)
    scene = AwsScene(
        place,
        emulator,
        faults=[Fault(case.call, case.kind, 1, case.times)],
        listing_lag_seconds=20.0,
        queue_seconds=60.0,
    )
    for _ in range(5):
        try:
            scene.work()
        except (BackendError, UserError) as error:
            scene.told.append(str(error))
    scene.assert_exactly_once()
    assert len(scene.service.made()) == 3, "no task was even made twice"


def _led_to_braket(environment: Any) -> Any:
    """The emulator, started once; the environment leads the client to it."""
    from braket_emulator import Emulator

    if not _EMULATOR:
        _EMULATOR.append(Emulator().__enter__())
    for key, value in _EMULATOR[0].environment.items():
        environment.setenv(key, value)
    environment.setattr("backends.providers.braket.session._ATTEMPTS", 1)
    return _EMULATOR[0]


def main() -> None:
    """Play all cases."""
    import tempfile

    import pytest

    started = time.monotonic()
    for case in PLANNING:
        with pytest.MonkeyPatch.context() as environment:
            try:
                plan(case, environment)
            except Exception as error:
                raise AssertionError(f"planning, {case}: {error!r}") from error
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
            try:
                play(case, environment, Path(folder))
            except Exception as error:
                raise AssertionError(f"{case}: {error!r}") from error
    sys.stdout.write(
        f"{len(PLANNING) + len(CASES)} faults × calls, {time.monotonic() - started:.0f} s: "
        "0 jobs lost, 0 paid twice, no wait over its bound\n"
    )


if __name__ == "__main__":
    main()
