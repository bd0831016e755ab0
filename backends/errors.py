"""What can go wrong between a logical circuit and its counts."""

from __future__ import annotations


class BackendError(Exception):
    """Base of all errors of this package: what was wrong, the usual cause, the remedy."""


class UnknownDevice(BackendError):
    """The named device, or file, is not a snapshot that can be read."""


class UnusableDevice(BackendError):
    """The device lacks something that every compiled circuit needs."""


class DoesNotFit(BackendError):
    """A circuit needs more connected working qubits, or other operations, than there are."""
