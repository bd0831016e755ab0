"""The contract for providers of other packages.

A provider is an :class:`Adapter` and one record, a :class:`Provider`, with its :class:`Options`.
The record becomes known by an entry point::

    [project.entry-points."enclone.providers"]
    my-provider = "my_package.provider:PROVIDER"

Everything that such a package may import stands here; :mod:`enclone.conformance` proves that its
adapter keeps the contract. A simulator is a :class:`LocalAdapter` with a sampler of its own.
"""

from backends.adapter import (
    Adapter,
    Checks,
    CircuitFailure,
    Closes,
    Compares,
    Declined,
    Doubtful,
    Explains,
    Job,
    JobState,
    Limits,
    NeedsDevice,
    PastCalibrations,
    Pins,
    ProviderError,
    Quote,
    RateLimited,
    Refused,
    Remembers,
    Request,
    Simulates,
    Terms,
    Unavailable,
    UnknownJob,
    Unreadable,
    Unusable,
    Usage,
    require_within,
)
from backends.devices.catalog import IDEAL, as_snapshot, load_device
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import BackendError, DoesNotFit, UnknownDevice, UnusableDevice
from backends.providers.local_adapter import LocalAdapter
from backends.providers.record import (
    DeviceDirectory,
    Finding,
    Options,
    Problems,
    Provider,
    ReachableDevices,
    RunHome,
    RunRequest,
    options_document,
)
from backends.providers.suppression import Suppression, TwirlingConfig
from backends.simulation.stim_sampler import sample

__all__ = [
    "IDEAL",
    "Adapter",
    "BackendError",
    "Checks",
    "CircuitFailure",
    "Closes",
    "Compares",
    "Declined",
    "DeviceDirectory",
    "DeviceSnapshot",
    "DoesNotFit",
    "Doubtful",
    "Explains",
    "Finding",
    "Job",
    "JobState",
    "Limits",
    "LocalAdapter",
    "NeedsDevice",
    "Options",
    "PastCalibrations",
    "Pins",
    "Problems",
    "Provider",
    "ProviderError",
    "Quote",
    "RateLimited",
    "ReachableDevices",
    "Refused",
    "Remembers",
    "Request",
    "RunHome",
    "RunRequest",
    "Simulates",
    "Suppression",
    "Terms",
    "TwirlingConfig",
    "Unavailable",
    "UnknownDevice",
    "UnknownJob",
    "Unreadable",
    "Unusable",
    "UnusableDevice",
    "Usage",
    "as_snapshot",
    "load_device",
    "options_document",
    "require_within",
    "sample",
]
