"""Devices of Amazon Braket: which of them an account reaches, and one as the service describes it.

Sending needs the device; following jobs does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.adapter import ProviderError
from backends.devices.braket_capabilities import Capabilities
from backends.errors import BackendError, UnusableDevice
from backends.providers.braket.calls import MISREAD, no_answer
from backends.providers.braket.options import BraketOptions
from backends.providers.braket.programs import Dialect
from backends.providers.braket.session import Connection, known_regions, region_of, short_name


@dataclass(frozen=True, slots=True)
class ReachableDevice:
    """A processor that the service lists, or a region that cannot be asked.

    Attributes:
        arn: its ARN; empty for a region that cannot be asked.
        name: ``vendor/name``.
        region: where it is reached.
        status: the service's word, such as ``ONLINE``.
        qubits: how many it has; None if it is not one of gates, or cannot be asked.
        entangler: its two-qubit gate as compiled circuits call it; None as for ``qubits``.
        remark: why it cannot be used; empty if it can.
    """

    arn: str
    name: str
    region: str
    status: str
    qubits: int | None = None
    entangler: str | None = None
    remark: str = ""


def reachable_devices(save: Path | None = None) -> Iterator[ReachableDevice]:
    """Ask every region that has processors, and every processor that is not retired.

    Args:
        save: folder that takes the capabilities of each as a file, to be simulated later.

    Raises:
        ProviderError: if no region can be asked.
        OSError: if the folder cannot be written.
    """
    denied = []
    for region in known_regions():
        try:
            connection = Connection(region)
            devices = connection.devices()
        except ProviderError as error:
            denied.append((region, error))
            continue
        for device in devices:
            if device["deviceType"] == "QPU" and device["deviceStatus"] != "RETIRED":
                yield _asked(connection, device["deviceArn"], device["deviceStatus"], save)
    if len(denied) == len(known_regions()):
        raise denied[0][1]
    for region, reason in denied:
        # The other regions are no worse for it.
        yield ReachableDevice("", "(none seen)", region, "UNKNOWN", remark=str(reason))


def _asked(connection: Connection, arn: str, status: str, save: Path | None) -> ReachableDevice:
    name, region = short_name(arn), region_of(arn) or connection.region
    try:
        text = connection.device(arn)["deviceCapabilities"]
        snapshot = Capabilities.parse(text).snapshot(name)
    except (BackendError, *MISREAD) as error:
        return ReachableDevice(arn, name, region, status, remark=str(error))
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        file = save / f"{name.split('/')[-1].lower()}.json"
        file.write_text(text, encoding="utf-8")
    working = sum(qubit.works for qubit in snapshot.qubits)
    return ReachableDevice(arn, name, region, status, working, snapshot.entangler)


# One device


@dataclass(frozen=True, eq=False)
class OpenedDevice:
    """A device that circuits can be sent to.

    Attributes:
        document: the service's description.
        capabilities: its capabilities.
        dialect: how programs are written for it.
        asked_at: when it was asked, seconds since 1970.
    """

    document: Mapping[str, Any]
    capabilities: Capabilities
    dialect: Dialect
    asked_at: float

    @property
    def status(self) -> str:
        """The service's word, such as ``ONLINE``."""
        return str(self.document["deviceStatus"])


def ask_device(
    connection: Connection, arn: str, options: BraketOptions, now: float
) -> OpenedDevice:
    """Ask for a device.

    Raises:
        ProviderError: if it cannot be asked, or does not offer what the options want.
        UnusableDevice: if it is not one of gates.
    """
    name = short_name(arn)
    document = connection.device(arn)
    try:
        capabilities = Capabilities(json.loads(document["deviceCapabilities"]))
        if document["deviceType"] == "QPU" and not capabilities.has_gates:
            raise UnusableDevice(
                f"device '{name}' runs no gates, so no circuits either; see 'enclone "
                "devices --braket' for those that do"
            )
        _ = capabilities.shots_range, capabilities.program_set, capabilities.poll_seconds
        is_iqm, dialect = capabilities.is_iqm, Dialect.of(capabilities)
        _ = document["deviceStatus"]
    except MISREAD as error:
        why = f"{type(error).__name__}: {error}"
        raise no_answer(f"asking for device '{arn}'", why) from error
    if options.conditional_gates and not is_iqm:
        raise ProviderError(
            f"'backend.braket.conditional_gates' is true, but device '{name}' has none: "
            "only IQM's processors do",
            remedy="leave it out; strategy 'frame' needs none",
        )
    return OpenedDevice(document, capabilities, dialect, now)
