"""The record of provider ``aer``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backends.providers.record import Provider

if TYPE_CHECKING:
    from backends.devices.snapshot import DeviceSnapshot
    from backends.providers.local_adapter import LocalAdapter

_CIRCUITS_PER_JOB = 8
"""A circuit takes long, so an interruption loses little."""


def open_aer(device: str | DeviceSnapshot, options: Mapping[str, Any]) -> LocalAdapter:
    """Open the simulator for a device; there are no options."""
    from backends.devices.catalog import as_snapshot
    from backends.providers.local_adapter import LocalAdapter
    from backends.simulation.aer_sampler import sample

    del options
    return LocalAdapter("aer", as_snapshot(device), sample, _CIRCUITS_PER_JOB)


PROVIDER = Provider(
    name="aer",
    description="Qiskit Aer with the same noise, or without any; slower, independent",
    open=open_aer,
    packages=("qiskit-aer",),
)
