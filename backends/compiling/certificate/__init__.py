"""Proof that a compiled circuit still is the protocol."""

from backends.compiling.certificate.certificate import (
    Certificate,
    certify,
    two_qubit_gates,
    two_qubit_layers,
)

__all__ = ["Certificate", "certify", "two_qubit_gates", "two_qubit_layers"]
