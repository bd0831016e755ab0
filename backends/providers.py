"""Which providers there are, and how to open one."""

from __future__ import annotations

from typing import Literal, get_args

from backends.adapter import Adapter
from backends.devices import IDEAL, load_device
from backends.local import LocalAdapter

Provider = Literal["stim", "aer"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)

DESCRIPTIONS: dict[Provider, str] = {
    "stim": "stabilizer simulation with the noise of a calibration snapshot (default)",
    "aer": "Qiskit Aer with the same noise, or without any; slower, independent",
}


def open_adapter(provider: Provider, device: str) -> Adapter:
    """Open a device of a provider.

    Args:
        provider: one of :data:`PROVIDERS`.
        device: a snapshot's name or file, or ``ideal`` for no noise and no connectivity limit.

    Raises:
        UnknownDevice: if there is no such device.
    """
    snapshot = None if device == IDEAL else load_device(device)
    if provider == "aer":
        from backends.aer_sampler import sample as sample_with_aer

        return LocalAdapter(provider, snapshot, sample_with_aer)
    from backends.stim_sampler import sample as sample_with_stim

    return LocalAdapter(provider, snapshot, sample_with_stim)
