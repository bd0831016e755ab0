"""Circuits as QPY bytes, with the lengths of delays.

QPY does not store the unit of a delay, so delays are written in whole femtoseconds, as ``dt``.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from qiskit import qpy
from qiskit.circuit import Delay, QuantumCircuit

from experiments.stabilizer.clifford import NotClifford

TICK_SECONDS = 1e-15
_UNIT_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}


def to_qpy(*circuits: QuantumCircuit) -> bytes:
    """Write circuits as QPY, several into one file.

    Raises:
        NotClifford: if a circuit has a delay without a fixed length.
    """
    file = io.BytesIO()
    qpy.dump([_with_delays(circuit, _in_ticks) for circuit in circuits], file)
    return file.getvalue()


def from_qpy(content: bytes) -> QuantumCircuit:
    """Read the single circuit that :func:`to_qpy` wrote."""
    (circuit,) = qpy.load(io.BytesIO(content))
    return _with_delays(circuit, lambda delay: Delay(delay.duration * TICK_SECONDS, "s"))


def _in_ticks(delay: Delay) -> Delay:
    if delay.unit not in _UNIT_SECONDS:
        raise NotClifford(f"a delay in '{delay.unit}' has no fixed length; give it in seconds")
    return Delay(round(delay.duration * _UNIT_SECONDS[delay.unit] / TICK_SECONDS), "dt")


def _with_delays(circuit: QuantumCircuit, change: Callable[[Delay], Delay]) -> QuantumCircuit:
    if all(instruction.name != "delay" for instruction in circuit.data):
        return circuit
    changed = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = instruction.operation
        if operation.name == "delay":
            operation = change(operation)
        changed.append(instruction.replace(operation=operation))
    return changed
