"""The record of provider ``stim``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backends.providers.record import Provider

if TYPE_CHECKING:
    from backends.devices.snapshot import DeviceSnapshot
    from backends.providers.local_adapter import LocalAdapter


def open_stim(device: str | DeviceSnapshot, options: Mapping[str, Any]) -> LocalAdapter:
    """Open the simulator for a device; there are no options."""
    from backends.devices.catalog import as_snapshot
    from backends.providers.local_adapter import LocalAdapter
    from backends.simulation.stim_sampler import sample

    del options
    return LocalAdapter("stim", as_snapshot(device), sample)


PROVIDER = Provider(
    name="stim",
    description="stabilizer simulation with the noise of a calibration snapshot (default)",
    open=open_stim,
)
