"""Choosing a device, and reading what it is today."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any

from qiskit_ibm_runtime.utils.backend_decoder import properties_from_server_data

from backends.adapter import PastCalibrations
from backends.devices.calibration_time import calibration_time
from backends.devices.ibm_properties import readable_properties
from backends.devices.offers import Offers, offers_of_target, pairs_of
from backends.devices.snapshot import DeviceSnapshot
from backends.providers.bounded import TooSlow, within_bound
from backends.providers.ibm.accounts import Connection
from backends.providers.ibm.errors import NotConnected, asked, quiet, shown
from backends.providers.ibm.options import LEAST_BUSY, LeastBusyConfig
from backends.providers.ibm.transport import client_of, mount

if TYPE_CHECKING:
    from qiskit.transpiler import Target
    from qiskit_ibm_runtime import IBMBackend

_PAST_CALL_SECONDS = 20.0
"""Longest time for one past calibration: a plan can do without it."""
_PAST_SECONDS = 60.0
"""Time after which no further one is asked for."""


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """What the list of devices says of one.

    Attributes:
        name: as a configuration names it.
        qubits: how many.
        online: whether it answers.
        reason: more about that, in the service's words.
        queue_length: pending jobs.
    """

    name: str
    qubits: int
    online: bool
    reason: str
    queue_length: int

    @property
    def runs(self) -> bool:
        """Whether it takes jobs and runs them."""
        return self.online and self.reason in ("", "active", "available")

    def __str__(self) -> str:
        waiting = "1 job waits" if self.queue_length == 1 else f"{self.queue_length} jobs wait"
        state = waiting if self.runs else f"does not run: {self.word}"
        return f"{self.name} ({self.qubits} qubits, {state})"

    @property
    def word(self) -> str:
        """Why it does not run, in a word."""
        return self.reason if self.online else f"offline ({self.reason or 'no reason given'})"


def list_devices(connection: Connection) -> list[DeviceLine]:
    """The devices of the active instance, by name.

    Raises:
        ProviderError: if the service cannot be asked.
    """
    with quiet():
        try:
            listed = within_bound(client_of(connection.service).list_backends, connection.wire.cut)
            lines = [_line(one) for one in listed if one.get("class") != "mock"]
        except Exception as error:
            raise asked("listing the devices", error) from None
    return sorted(lines, key=lambda one: one.name)


def _line(document: dict[str, Any]) -> DeviceLine:
    status = document.get("status") or {}
    return DeviceLine(
        str(document["name"]),
        int(document.get("qubits") or 0),
        status.get("name") == "online",
        str(status.get("reason") or ""),
        int(document.get("queue_length") or 0),
    )


def open_device(
    connection: Connection, name: str, constraints: LeastBusyConfig | None = None
) -> IBMBackend:
    """A device by name, or the one with the shortest queue.

    Raises:
        NotConnected: if there is none such.
        ProviderError: if the service cannot be asked.
    """
    service = connection.service
    with quiet():
        try:
            if name == LEAST_BUSY:
                backend = _least_busy(connection, constraints or LeastBusyConfig())
            else:
                backend = within_bound(lambda: service.backend(name), connection.wire.cut)
            # Choosing may have opened connections to other instances.
            mount(service, connection.wire)
        except Exception as error:
            raise _missing(connection, name, constraints, error) from None
    return backend


def _least_busy(connection: Connection, wanted: LeastBusyConfig) -> IBMBackend:
    """The device with the shortest queue among those that run jobs and fit.

    The client's own choice takes devices in maintenance, whose queues are empty.
    """
    from qiskit.providers import QiskitBackendNotFoundError

    lines = [one for one in list_devices(connection) if one.runs]
    for line in sorted(lines, key=lambda one: one.queue_length):
        if line.qubits < (wanted.min_qubits or 0):
            continue
        try:
            backend = within_bound(
                partial(
                    connection.service.backend,
                    line.name,
                    use_fractional_gates=wanted.fractional_gates,
                ),
                connection.wire.cut,
            )
        except QiskitBackendNotFoundError:
            continue  # Its configuration cannot be read.
        offered = read_target(backend).operation_names
        if wanted.dynamic_circuits and "if_else" not in offered:
            continue
        if wanted.fractional_gates and "rzz" not in offered:
            continue
        return backend
    raise QiskitBackendNotFoundError("no device fits")


def _missing(
    connection: Connection, name: str, constraints: LeastBusyConfig | None, error: Exception
) -> Exception:
    from qiskit.providers import QiskitBackendNotFoundError

    if not isinstance(error, QiskitBackendNotFoundError):
        return asked(f"opening device '{name}'", error)
    lines = list_devices(connection)
    names = [one.name for one in lines]
    there = ", ".join(names) or "none"
    if name == LEAST_BUSY:
        return NotConnected(
            f"no device of the instance is online and fits {constraints or 'the constraints'}; "
            "its devices: " + (", ".join(map(str, lines)) or "none"),
            subject="device",
            remedy="ease backend.ibm.least_busy, or try again later",
        )
    if name in names:
        return _unreadable(connection, name)
    near = get_close_matches(name, names, n=1)
    return NotConnected(
        f"the instance has no device '{shown(name)}'; its devices: {there}",
        subject="device",
        remedy=f"did you mean '{near[0]}'?"
        if near
        else "name one of them as backend.device, or 'least_busy'",
    )


def _unreadable(connection: Connection, name: str) -> Exception:
    """Why a device that is listed cannot be opened: the client does not say."""
    what = f"reading the configuration of '{name}'"
    with quiet():
        try:
            client_of(connection.service).backend_configuration(name)
        except Exception as error:
            return asked(what, error)
    return NotConnected(
        f"{what}: IBM's client cannot use it",
        subject="device",
        remedy="choose another device, or try again later",
    )


def read_snapshot(backend: IBMBackend) -> DeviceSnapshot:
    """The calibration of a device as it stands now, by the rules for every calibration.

    Raises:
        UnusableDevice: if it cannot run Clifford circuits.
        ProviderError: if the service cannot be asked.
    """
    what = f"reading the calibration of '{backend.name}'"
    with quiet():
        try:
            document = _properties(backend)
            offers = _offers(backend) if document else Offers()
        except Exception as error:
            raise asked(what, error) from None
    if not document:
        raise NotConnected(
            f"device '{backend.name}' has no calibration data today",
            subject="device",
            remedy="choose another device",
        )
    try:
        return replace(
            DeviceSnapshot.from_ibm_properties(document, offers),
            name=backend.name,
        )
    except ValueError as error:
        raise NotConnected(
            f"{what}: the service's answer is no calibration: {shown(error)}",
            subject="device",
            remedy="choose another device, or try again later",
        ) from error


def read_target(backend: IBMBackend) -> Target:
    """What a device can run, as the client has it.

    The client reads no calibration with a value that it does not understand, so it is handed those
    that it does.
    """
    if backend._properties is None:
        _properties(backend)
    return backend.target


def _properties(backend: IBMBackend) -> Mapping[str, Any] | None:
    """The service's calibration of a device; the client is left with what it can read of it."""
    document = within_bound(
        lambda: backend._api_client.backend_properties(
            backend.name, calibration_id=backend.calibration_id
        ),
        lambda: None,
    )
    if not document:
        return None
    gates = backend.configuration().gates
    configured = {gate.name for gate in gates if getattr(gate, "coupling_map", None)}
    backend._properties = properties_from_server_data(
        readable_properties(document, configured),
        use_fractional_gates=backend.options.use_fractional_gates,
    )
    backend._target = None
    return document


def _offers(backend: IBMBackend) -> Offers:
    """What a device can run, by its target and by its coupling map."""
    offered = offers_of_target(read_target(backend))
    joined = getattr(backend.configuration(), "coupling_map", None)
    return replace(offered, joined=pairs_of(joined))


def read_past(
    backend: IBMBackend, today: DeviceSnapshot, days: int, cut: Callable[[], object]
) -> PastCalibrations:
    """The calibrations that held 1, 2, … days ago, newest first.

    Days on which the calibration before them held still are not asked for.

    Args:
        backend: the device.
        today: its calibration as it stands.
        days: how many days back to ask for.
        cut: makes sure that a call that is left behind sends nothing more.
    """
    found: list[DeviceSnapshot] = []
    failures: list[str] = []
    now, until = datetime.now(UTC), time.monotonic() + _PAST_SECONDS
    held_since = calibration_time(today)
    for day in range(1, days + 1):
        moment = now - timedelta(days=day)
        if held_since is not None and held_since <= moment:
            continue
        if time.monotonic() > until:
            failures.append(f"asking took longer than {_PAST_SECONDS:g} s")
            break
        try:
            with quiet():
                # As today's calibration: the client's own reading stumbles over single values.
                document = within_bound(
                    partial(
                        backend._api_client.backend_properties,
                        backend.name,
                        datetime=moment,
                        calibration_id=backend.calibration_id,
                    ),
                    cut,
                    _PAST_CALL_SECONDS,
                )
                if not document:
                    break  # Nor is there an older one.
                snapshot = DeviceSnapshot.from_ibm_properties(document, _offers(backend))
        except Exception as error:
            failures.append(str(asked(f"reading the calibration of {moment:%Y-%m-%d}", error)))
            if isinstance(error, TooSlow):
                break  # The connection is cut.
            continue
        held_since = calibration_time(snapshot)
        found.append(replace(snapshot, name=today.name))
    remark = (
        f"past calibrations are missing for {len(failures)} of {days} days asked for: {failures[0]}"
        if failures
        else ""
    )
    return PastCalibrations(tuple(found), remark)


def require_rep_delay(backend: IBMBackend, wanted: float | None) -> None:
    """Raise :class:`NotConnected` if a device cannot pause so many seconds between shots."""
    if wanted is None:
        return
    stated = getattr(backend.configuration(), "rep_delay_range", None)
    try:
        shortest, longest = (float(seconds) for seconds in stated or (0.0, 0.0))
    except (TypeError, ValueError):
        shortest, longest = 0.0, 0.0
    if not shortest <= wanted <= longest:
        raise NotConnected(
            f"backend.ibm.rep_delay_seconds is {wanted:g}, but device '{backend.name}' waits "
            f"{shortest:g} to {longest:g} s between shots",
            subject="device",
            remedy="choose a time in between, or leave it out",
        )
