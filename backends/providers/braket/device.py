"""A device as the service describes it now; sending needs it, following jobs does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backends.adapter import ProviderError
from backends.devices.braket_capabilities import Capabilities
from backends.errors import UnusableDevice
from backends.providers.braket.calls import MISREAD, no_answer
from backends.providers.braket.options import BraketOptions
from backends.providers.braket.programs import Dialect
from backends.providers.braket.session import Connection, short_name


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
