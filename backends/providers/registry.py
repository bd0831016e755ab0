"""Which providers there are, and how to open one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from backends.adapter import Adapter
from backends.devices.catalog import as_snapshot
from backends.devices.snapshot import DeviceSnapshot

Provider = Literal["stim", "aer", "rehearsal", "braket-local", "ibm", "braket"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)

DESCRIPTIONS: dict[Provider, str] = {
    "stim": "stabilizer simulation with the noise of a calibration snapshot (default)",
    "aer": "Qiskit Aer with the same noise, or without any; slower, independent",
    "rehearsal": "a simulated cloud with queue, bill and faults, to practise a hardware run",
    "ibm": "processors of IBM Quantum, by the account that Qiskit finds; see docs/ibm.md",
    "braket-local": "the Amazon Braket SDK's own simulators, and its emulation of a device",
    "braket": "Amazon Braket: processors of IQM, Rigetti, IonQ, AQT; see docs/braket.md",
}

_SLOW_CIRCUITS_PER_JOB = 8


def open_adapter(
    provider: Provider,
    device: str | DeviceSnapshot,
    options: Mapping[str, Any] | None = None,
) -> Adapter:
    """Open a device of a provider.

    Args:
        provider: one of :data:`PROVIDERS`.
        device: a snapshot, its name or file, or ``ideal`` for no noise and no connectivity limit;
            of a cloud, what its provider takes.
        options: of the provider; local simulators have none.

    Raises:
        UnknownDevice: if there is no such device.
        ProviderError: if the provider cannot be reached, or an option is wrong.
    """
    if provider == "rehearsal":
        from backends.providers.rehearsal.adapter import open_rehearsal

        return open_rehearsal(device, options or {})
    if provider == "ibm":
        from backends.providers.ibm.adapter import open_ibm

        return open_ibm(device, options or {})
    if provider == "braket":
        from backends.providers.braket.adapter import open_braket

        wanted = dict(options or {})
        planned_with = device if isinstance(device, DeviceSnapshot) else None
        return open_braket(wanted.pop("device", device), wanted, planned_with)
    if provider == "braket-local":
        from backends.providers.braket_local.adapter import open_braket_local

        return open_braket_local(device, options or {})
    from backends.providers.local_adapter import LocalAdapter

    snapshot = as_snapshot(device)
    if provider == "aer":
        from backends.simulation.aer_sampler import sample as sample_with_aer

        return LocalAdapter(provider, snapshot, sample_with_aer, _SLOW_CIRCUITS_PER_JOB)
    from backends.simulation.stim_sampler import sample as sample_with_stim

    return LocalAdapter(provider, snapshot, sample_with_stim)
