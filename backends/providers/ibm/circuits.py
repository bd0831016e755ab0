"""From a compiled circuit to the one that is sent: the same gates, in what the wire keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qiskit.circuit import ClassicalRegister, Delay, QuantumCircuit, QuantumRegister
from qiskit.transpiler import Target
from qiskit_ibm_runtime.utils.utils import is_isa_circuit

from backends.errors import DoesNotFit
from experiments.stabilizer.clifford import NotClifford

if TYPE_CHECKING:
    from qiskit_ibm_runtime.executor_sampler import Sampler

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


def prepared(
    circuits: Sequence[QuantumCircuit], sampler: Sampler, shots: int
) -> list[QuantumCircuit]:
    """The circuits as the client will send them, pulses inserted and dressed for twirling."""
    from qiskit_ibm_runtime.executor_sampler.prepare import prepare

    program, _ = prepare(circuits, sampler.options, shots, backend=sampler.backend())
    return [item.circuit for item in program.items]


def require_same_entanglers(
    certified: Sequence[QuantumCircuit], sent: Sequence[QuantumCircuit]
) -> None:
    """Raise :class:`DoesNotFit` where suppression would add or drop a gate between two qubits.

    The certificate is about the certified circuit: it holds for what runs as long as suppression
    does nothing but one-qubit gates and waits.
    """
    for one, other in zip(certified, sent, strict=True):
        before, after = _entanglers(one), _entanglers(other)
        if before != after:
            raise DoesNotFit(
                f"suppression by this version of IBM's client turns the {before.total()} two-qubit "
                f"gates of circuit '{one.name}' into {after.total()}, or moves them, so its "
                "certificate would say nothing about what runs; send it without suppression"
            )


def _entanglers(circuit: QuantumCircuit) -> Counter[tuple[str, int, int]]:
    """Gate and ordered pair of qubits → how often."""
    return Counter(
        (i.name, *(circuit.find_bit(q).index for q in i.qubits))
        for i in circuit.data
        if len(i.qubits) == 2 and i.name != "barrier"
    )
