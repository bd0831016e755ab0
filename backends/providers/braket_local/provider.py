"""The record of provider ``braket-local``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backends.providers.braket_local.options import BraketLocalOptions
from backends.providers.record import Provider, RunHome, RunRequest, options_document

if TYPE_CHECKING:
    from backends.devices.snapshot import DeviceSnapshot
    from backends.providers.braket_local.adapter import BraketLocalAdapter


def _open(device: str | DeviceSnapshot, options: Mapping[str, Any]) -> BraketLocalAdapter:
    from backends.providers.braket_local.adapter import open_braket_local

    return open_braket_local(device, options)


def _run_options(request: RunRequest, home: RunHome) -> dict[str, Any]:
    """The options, with the capabilities of the device if it is given by them."""
    from backends.devices.catalog import capabilities_text

    del home
    return {
        **options_document(request.options),
        "capabilities": capabilities_text(request.device),
    }


PROVIDER = Provider(
    name="braket-local",
    description="the Amazon Braket SDK's own simulators, and its emulation of a device",
    open=_open,
    options=BraketLocalOptions,
    purpose="chooses a simulator of the Braket SDK",
    run_options=_run_options,
    packages=("amazon-braket-sdk",),
    keeps_delays=False,
    redraws=True,
)
