"""Which devices an AWS account can reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backends.adapter import ProviderError
from backends.devices.braket_capabilities import Capabilities
from backends.errors import BackendError
from backends.providers.braket.calls import MISREAD
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
