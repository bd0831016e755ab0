"""Choosing a device, and reading what it is today."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from backends.devices.snapshot import DeviceSnapshot
from backends.providers.ibm.accounts import Connection
from backends.providers.ibm.errors import NotConnected, asked, quiet, shown
from backends.providers.ibm.options import LEAST_BUSY, LeastBusyConfig
from backends.providers.ibm.transport import client_of, mount

if TYPE_CHECKING:
    from qiskit_ibm_runtime import IBMBackend


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
        state = f"{self.queue_length} jobs wait" if self.runs else f"does not run: {self.word}"
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
            listed = client_of(connection.service).list_backends()
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
                wanted = constraints or LeastBusyConfig()
                filters: dict[str, Any] = {}
                if wanted.dynamic_circuits:
                    filters["dynamic_circuits"] = True
                if wanted.fractional_gates:
                    filters["use_fractional_gates"] = True
                backend = service.least_busy(min_num_qubits=wanted.min_qubits, **filters)
            else:
                backend = service.backend(name)
            # Choosing may have opened connections to other instances.
            mount(service, connection.wire)
        except Exception as error:
            raise _missing(connection, name, constraints, error) from None
    return backend


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
    near = get_close_matches(name, names, n=1)
    return NotConnected(
        f"the instance has no device '{shown(name)}'; its devices: {there}",
        subject="device",
        remedy=f"did you mean '{near[0]}'?"
        if near
        else "name one of them as backend.device, or 'least_busy'",
    )


def read_snapshot(backend: IBMBackend) -> DeviceSnapshot:
    """The calibration of a device as it stands now.

    Raises:
        UnusableDevice: if it cannot run Clifford circuits.
        ProviderError: if the service cannot be asked.
    """
    with quiet():
        try:
            properties = backend.properties(refresh=True)
            target = backend.target
        except Exception as error:
            raise asked(f"reading the calibration of '{backend.name}'", error) from None
    if properties is None:
        raise NotConnected(
            f"device '{backend.name}' has no calibration data today",
            subject="device",
            remedy="choose another device",
        )
    snapshot = DeviceSnapshot.from_ibm_properties(properties.to_dict())
    return replace(
        snapshot, name=backend.name, dynamic_circuits="if_else" in target.operation_names
    )


def require_rep_delay(backend: IBMBackend, wanted: float | None) -> None:
    """Raise :class:`NotConnected` if a device cannot pause so many seconds between shots."""
    if wanted is None:
        return
    shortest, longest = getattr(backend.configuration(), "rep_delay_range", None) or (0.0, 0.0)
    if not shortest <= wanted <= longest:
        raise NotConnected(
            f"backend.ibm.rep_delay_seconds is {wanted:g}, but device '{backend.name}' waits "
            f"{shortest:g} to {longest:g} s between shots",
            subject="device",
            remedy="choose a time in between, or leave it out",
        )
