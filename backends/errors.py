"""Errors of devices, circuits and providers."""

from __future__ import annotations


class BackendError(Exception):
    """Base class of all errors of this package; messages state cause and remedy."""


class UnknownDevice(BackendError):
    """There is no device of that name, or the file is not a readable snapshot."""


class UnusableDevice(BackendError):
    """The device lacks a gate or calibration that every compiled circuit needs."""


class DoesNotFit(BackendError):
    """A circuit needs more connected working qubits, or other operations, than the device has."""
