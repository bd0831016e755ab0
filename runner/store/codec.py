"""Circuits and shots as compressed bytes."""

from __future__ import annotations

import zlib

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.qpy_bytes import from_qpy, to_qpy
from runner.store.documents import reading


def circuit_to_bytes(circuit: QuantumCircuit) -> bytes:
    """Write a circuit as compressed QPY."""
    return zlib.compress(to_qpy(circuit))


def circuit_from_bytes(content: bytes) -> QuantumCircuit:
    """Read the circuit that :func:`circuit_to_bytes` wrote.

    Raises:
        StoreError: if it is damaged.
    """
    with reading("a circuit"):
        return from_qpy(zlib.decompress(content))


def pack_shots(shots: BitArray) -> bytes:
    """Compress the outcomes of every shot.

    Args:
        shots: its array has shape (shots, bytes of a shot) and dtype uint8.
    """
    return zlib.compress(np.ascontiguousarray(shots.array).tobytes())


def unpack_shots(content: bytes, num_bits: int) -> BitArray:
    """Read the shots that :func:`pack_shots` wrote of ``num_bits`` bits each.

    Raises:
        StoreError: if they are damaged.
    """
    width = (num_bits + 7) // 8
    with reading("counts"):
        array = np.frombuffer(zlib.decompress(content), dtype=np.uint8).reshape(-1, width)
        return BitArray(array, num_bits)
