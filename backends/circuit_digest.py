"""What a circuit does, as a hash: the same in every process and with every version of Qiskit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from qiskit.circuit import Bit, ClassicalRegister, IfElseOp, QuantumCircuit
from qiskit.circuit.classical import expr

from backends.qpy_bytes import delay_ticks

_Index = Mapping[Bit, int]


def circuit_digest(circuit: QuantumCircuit) -> str:
    """SHA-256 of the operations of a circuit, in hexadecimal.

    Names, parameters, qubits and classical bits by number, conditions, and labels of barriers
    count, lengths of delays in femtoseconds; names of registers and the global phase do not.

    >>> one, other = QuantumCircuit(2), QuantumCircuit(2)
    >>> _ = one.cx(0, 1), other.cx(1, 0)
    >>> circuit_digest(one) == circuit_digest(other)
    False
    """
    digest = hashlib.sha256(f"{circuit.num_qubits},{circuit.num_clbits}\n".encode())
    qubits = {bit: k for k, bit in enumerate(circuit.qubits)}
    clbits = {bit: k for k, bit in enumerate(circuit.clbits)}
    for line in _operations(circuit, qubits, clbits):
        digest.update(json.dumps(line, separators=(",", ":")).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _operations(circuit: QuantumCircuit, qubits: _Index, clbits: _Index) -> Iterator[list[Any]]:
    for one in circuit.data:
        on, bits = [qubits[q] for q in one.qubits], [clbits[c] for c in one.clbits]
        if one.name == "barrier":
            yield [one.name, on, one.label]
        elif one.name == "delay":
            yield [one.name, on, delay_ticks(one.operation)]
        elif isinstance(operation := one.operation, IfElseOp):
            yield [one.name, on, bits, _condition(operation.condition, clbits)]
            for block in operation.blocks:
                inner = dict(zip(block.qubits, on, strict=True))
                written = dict(zip(block.clbits, bits, strict=True))
                yield ["block", *_operations(block, inner, written)]
        else:
            yield [one.name, on, bits, [_parameter(value) for value in one.params]]


def _condition(condition: Any, clbits: _Index) -> list[Any]:
    """Bits and values; of an expression the bits that it reads and its operations."""
    if isinstance(condition, expr.Expr):
        read = [_bits(node.var, clbits) for node in expr.iter_vars(condition)]
        return [read, _shape(condition)]
    target, value = condition
    return [_bits(target, clbits), int(value)]


def _shape(node: expr.Expr) -> list[Any]:
    parts = [getattr(node, name, None) for name in ("left", "right", "operand")]
    inner = [_shape(part) for part in parts if isinstance(part, expr.Expr)]
    value = getattr(node, "value", None)
    operation = getattr(getattr(node, "op", None), "name", None)
    return [type(node).__name__, operation, None if value is None else repr(value), inner]


def _bits(target: Any, clbits: _Index) -> list[int]:
    return [clbits[b] for b in (target if isinstance(target, ClassicalRegister) else [target])]


def _parameter(value: Any) -> str:
    return float(value).hex() if isinstance(value, int | float) else repr(value)
