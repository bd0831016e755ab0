"""From a compiled circuit to the one that is sent: the same gates, in what the wire keeps."""

from __future__ import annotations

from qiskit.circuit import ClassicalRegister, Delay, QuantumCircuit, QuantumRegister
from qiskit.transpiler import Target
from qiskit_ibm_runtime.utils.utils import is_isa_circuit

from backends.errors import DoesNotFit
from experiments.clifford import NotClifford

REGISTER = "c"
"""The one classical register that is sent: answers are told by the names of registers, whose
order an answer need not keep."""

_UNIT_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}


def for_the_wire(circuit: QuantumCircuit, target: Target) -> QuantumCircuit:
    """A compiled circuit as it is sent.

    Delays become whole clock ticks, for the wire keeps no unit; all classical bits come into one
    register, in their order. Gates, qubits and barriers stay.

    Raises:
        DoesNotFit: if the device cannot run it.
        NotClifford: if a delay has no fixed length.
    """
    out = QuantumCircuit(
        QuantumRegister(circuit.num_qubits, "q"),
        ClassicalRegister(circuit.num_clbits, REGISTER),
        name=circuit.name,
    )
    out.compose(_in_ticks(circuit, target), out.qubits, out.clbits, inplace=True)
    problem = (
        f"it has {circuit.num_qubits} qubits, the device {target.num_qubits}"
        if circuit.num_qubits != target.num_qubits
        else is_isa_circuit(out, target)
    )
    if problem:
        raise DoesNotFit(
            f"circuit '{circuit.name}' is not written in the device's instruction set: {problem}; "
            "compile it for this device"
        )
    return out


def _in_ticks(circuit: QuantumCircuit, target: Target) -> QuantumCircuit:
    if all(instruction.name != "delay" for instruction in circuit.data):
        return circuit
    dt_seconds = target.dt
    if not dt_seconds:
        raise DoesNotFit("the device states no clock tick, so a delay has no length on it")
    step = max(1, target.pulse_alignment or 1)
    out = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = instruction.operation
        if instruction.name == "delay" and operation.unit != "dt":
            if operation.unit not in _UNIT_SECONDS:
                raise NotClifford(f"a delay in '{operation.unit}' has no fixed length")
            seconds = float(operation.duration) * _UNIT_SECONDS[operation.unit]
            operation = Delay(step * round(seconds / dt_seconds / step), "dt")
        out.append(instruction.replace(operation=operation))
    return out
