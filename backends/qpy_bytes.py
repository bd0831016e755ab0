"""Circuits as QPY bytes, with the lengths of delays.

QPY does not store the unit of a delay that is a number, so delays are written as durations in
microseconds, which every reader of Qiskit understands, and read as whole femtoseconds. Files of
older versions hold femtoseconds as ``dt``; they are read too.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from qiskit import qpy
from qiskit.circuit import Delay, Duration, QuantumCircuit
from qiskit.circuit.classical import expr

from experiments.stabilizer.clifford import NotClifford

TICK_SECONDS = 1e-15
_TICKS_OF_A_MICROSECOND = 10**9
_UNIT_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}


def to_qpy(*circuits: QuantumCircuit) -> bytes:
    """Write circuits as QPY, several into one file.

    Raises:
        NotClifford: if a circuit has a delay without a fixed length.
    """
    file = io.BytesIO()
    qpy.dump([_with_delays(circuit, _as_duration) for circuit in circuits], file)
    return file.getvalue()


def from_qpy(content: bytes) -> QuantumCircuit:
    """Read the single circuit that :func:`to_qpy` wrote."""
    (circuit,) = qpy.load(io.BytesIO(content))
    return _with_delays(circuit, lambda delay: Delay(delay_ticks(delay) * TICK_SECONDS, "s"))


def delay_ticks(delay: Delay) -> int:
    """Length of a delay in femtoseconds; ``dt`` counts as one of them.

    Raises:
        NotClifford: if it has no fixed length.
    """
    length, unit = delay.duration, delay.unit
    if isinstance(length, expr.Value) and isinstance(length.value, Duration):
        length, unit = length.value.value(), length.value.unit()
    elif unit == "dt" and isinstance(length, int):
        return length
    if unit not in _UNIT_SECONDS or not isinstance(length, int | float):
        raise NotClifford(f"a delay in '{unit}' has no fixed length; give it in seconds")
    return round(length * _UNIT_SECONDS[unit] / TICK_SECONDS)


def _as_duration(delay: Delay) -> Delay:
    if delay.unit == "dt":
        raise NotClifford("a delay in 'dt' has no fixed length; give it in seconds")
    microseconds = delay_ticks(delay) / _TICKS_OF_A_MICROSECOND
    return Delay(expr.lift(Duration.us(microseconds)))


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
