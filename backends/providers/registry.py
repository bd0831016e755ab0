"""The providers that there are, and how a device of one is opened."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from backends.errors import BackendError
from backends.plugins import Plugins, load_plugins
from backends.providers.record import Provider

if TYPE_CHECKING:
    from backends.adapter import Adapter
    from backends.devices.snapshot import DeviceSnapshot

_BUILT_IN = ("stim", "aer", "rehearsal", "ibm", "braket", "braket_local")
"""Folders of this package; ``provider.py`` of each has its record under the name ``PROVIDER``."""

GROUP = "enclone.providers"
"""Entry points of this group bring providers from other packages; each leads to one record."""

DEFAULT = "stim"
"""The provider of a configuration that names none."""


class UnknownProvider(BackendError):
    """There is no provider of that name."""


@cache
def built_in() -> Mapping[str, Provider]:
    """The providers of this package, by name."""
    records: list[Provider] = [
        import_module(f"backends.providers.{folder}.provider").PROVIDER for folder in _BUILT_IN
    ]
    return MappingProxyType({record.name: record for record in records})


@cache
def plugins() -> Plugins[Provider]:
    """The providers of other packages, and those that are skipped because they are broken."""
    return load_plugins(GROUP, Provider, lambda record: record.name, built_in())


@cache
def providers() -> Mapping[str, Provider]:
    """Every provider by its name, those built in first."""
    brought = {plugin.record.name: plugin.record for plugin in plugins().sound}
    return MappingProxyType({**built_in(), **brought})


def provider_of(name: str) -> Provider:
    """The record of a provider.

    Raises:
        UnknownProvider: if there is none of that name.
    """
    found = providers().get(name)
    if found is None:
        raise UnknownProvider(
            f"provider '{name}' is not known here, but only {', '.join(providers())}; install the "
            "package that brings it ('enclone doctor' names packages that are broken)"
        )
    return found


def open_adapter(
    provider: str,
    device: str | DeviceSnapshot,
    options: Mapping[str, Any] | None = None,
) -> Adapter:
    """Open a device of a provider.

    Args:
        provider: name of one of :func:`providers`.
        device: a snapshot, its name or file, or ``ideal`` for no noise and no connectivity limit;
            of a cloud, what its provider takes.
        options: of the provider, as a run stores them; None for none.

    Raises:
        UnknownProvider: if there is no such provider.
        UnknownDevice: if there is no such device.
        ProviderError: if the provider cannot be reached, or an option is wrong.
    """
    return provider_of(provider).open(device, options or {})
